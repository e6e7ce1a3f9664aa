# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: renewal_plan
short_description: Choose which certificates are renewed, and which of them together
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Chooses certificates by name and by the time that is left of them, and puts them into batches, those that expire first
    before the others.
positional: certificates, now
options:
  _input:
    description: Names of Certificates, as a list or as text with commas, blanks or lines between them. Empty for all.
    type: raw
    required: true
  certificates:
    description: All Certificates that may be renewed, RV(baremesh.edge.certificate_info#module:certificates).
    type: list
    elements: dict
    required: true
  now:
    description: Seconds since the epoch.
    type: float
    required: true
  batch_size:
    description: How many are renewed at a time.
    type: int
    default: 1
  within_days:
    description: Choose only those that expire within so many days. Empty for all.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Show what would be renewed, ten at a time
  ansible.builtin.debug:
    msg: "{{ ([] | baremesh.edge.renewal_plan(found.certificates, now().timestamp(), batch_size=10, within_days=30)).batches }}"
"""

RETURN = r"""
_value:
  description: The plan.
  type: dict
  contains:
    names:
      description: Names of the Certificates that are renewed, in their order.
      type: list
      elements: str
    batches:
      description: The same names, in lists of at most O(batch_size).
      type: list
      elements: list
    left:
      description: One phrase for each that was named and is not due.
      type: list
      elements: str
    missing:
      description: Names of Certificates that do not exist.
      type: list
      elements: str
    summary:
      description: All of it in a sentence or two.
      type: str
      sample: "app, shop; then mail. Left alone: wiki is valid for 60 days yet."
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _renewal


class FilterModule:
    """Filters for renewals."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "gateway_restarts": _renewal.gateway_restarts,
            "renewal_findings": _renewal.renewal_findings,
            "renewal_lines": _renewal.renewal_lines,
            "renewal_outlook": _renewal.renewal_outlook,
            "renewal_plan": _renewal.renewal_plan,
        }
