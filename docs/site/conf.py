# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx builds the docs site. `make docs` puts the sources together and runs it."""

project = "baremesh.edge"
copyright = "The baremesh.edge authors"  # noqa: A001  # Sphinx reads this name
title = html_title = project
root_doc = "docs/site/index"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_enable_extensions = ["colon_fence"]
# As GitHub names the anchors of headings.
myst_heading_anchors = 4

html_theme = "furo"
html_static_path = ["edge.css"]
html_css_files = ["edge.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "ansible"
highlight_language = "yaml"
