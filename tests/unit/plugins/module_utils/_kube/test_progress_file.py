# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import progress_writer


def test_the_progress_file_which_all_may_read_holds_no_secret(tmp_path):
    progress_writer(str(tmp_path / "progress"))("web: https://me:hush@acme.example.com\nsays \x1b[2Jno")
    assert (tmp_path / "progress").read_text() == "web: https://********@acme.example.com says \\x1b[2Jno\n"
