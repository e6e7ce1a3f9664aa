# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: http01_issuers
short_description: Tell which issuers prove names by HTTP-01
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Returns the names of issuers, those of the variable C(cert_manager_issuers) and the built-in ones, that have a solver for HTTP-01.
options:
  _input:
    description: The issuers, as in the variable C(cert_manager_issuers).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ cert_manager_issuers | baremesh.edge.http01_issuers }}"
"""

RETURN = r"""
_value:
  description: Names of issuers.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import known_issuers


def http01_issuers(issuers: t.Any) -> list[str]:
    """Return the names of issuers with a solver for HTTP-01."""
    return [name for name, issuer in known_issuers(issuers).items() if issuer["http01"]]


class FilterModule:
    """The filter http01_issuers."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"http01_issuers": http01_issuers}
