# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that select Certificates."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  names:
    description: Names of the Certificates. Without this and without O(label_selectors), all of the namespace.
    type: list
    elements: str
    default: []
    aliases: [name]
  namespace:
    description: Namespace of the Certificates.
    type: str
    default: default
  label_selectors:
    description: Label selectors that all must fit, such as C(app=web) or C(tier in (a, b)).
    type: list
    elements: str
    default: []
"""
