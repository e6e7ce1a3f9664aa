# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_findings
short_description: Tell everything that is wrong with sites and issuers
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Reads sites and issuers as the other filters do, and returns a sentence for each finding instead of failing at the first.
positional: issuers, trusted_proxies
options:
  _input:
    description: The sites, as in the variable C(edge_sites).
    type: list
    elements: dict
    required: true
  issuers:
    description:
      - Issuers that sites may name beside V(letsencrypt) and V(letsencrypt-staging), as in the variable C(cert_manager_issuers).
      - Left out, names of issuers are not checked.
    type: list
    elements: dict
  trusted_proxies:
    description: Number of proxies in front that end TLS, as in the variable C(edge_trusted_proxies).
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Refuse sites that cannot work
  ansible.builtin.assert:
    that: findings | length == 0
    fail_msg: "{{ findings | join('\n') }}"
  vars:
    findings: "{{ edge_sites | baremesh.edge.site_findings(cert_manager_issuers | default([])) }}"
"""

RETURN = r"""
_value:
  description: One sentence for each finding, with variable, value and what is allowed. Empty when all is well.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import known_issuers, read_issuers
from ansible_collections.baremesh.edge.plugins.plugin_utils._proxies import site_proxy_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import read_sites


def site_findings(sites: t.Any, issuers: t.Any = None, trusted_proxies: int = 0) -> list[str]:
    """Return what is wrong, an empty list when nothing is."""
    known, findings = read_sites(sites, None if issuers is None else known_issuers(issuers))
    return [*(read_issuers(issuers)[1] if issuers is not None else []), *findings, *site_proxy_findings(known, int(trusted_proxies))]


class FilterModule:
    """The filter site_findings."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Map the name of the filter to its function."""
        return {"site_findings": site_findings}
