# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: site_plan
short_description: Derive everything that roles need to know of the sites
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Reads the sites, the issuers that they may name and the raw manifests beside them, once.
  - Never fails on what users wrote. Where RV(_value.findings) has entries there is nothing to apply.
positional: settings
options:
  _input:
    description: The sites, as in the variable C(edge_sites). Text in YAML or JSON, as AWX surveys send it, is read as well.
    type: list
    elements: dict
    required: true
  settings:
    description:
      - What the sites share, by the names of the variables, C(edge_gateway_namespace) for one.
      - The other variables are C(edge_gateway_selector), C(edge_gateway_port), C(edge_http_gateway), C(edge_cluster_domain),
        C(edge_addresses), C(edge_https_port), C(edge_trusted_proxies), C(edge_proxy_protocol), C(edge_proxy_addresses),
        C(edge_email), C(cert_manager_issuers), C(cert_manager_solvers), C(certificate_private_key), C(certificate_certificates),
        C(gateway_gateways),
        C(gateway_virtual_services) and C(gateway_destination_rules).
      - What is missing has the default of its role. For variables of the roles that is an empty list.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Validate sites
  ansible.builtin.assert:
    that: plan.findings | length == 0
    fail_msg: "{{ plan.findings | join('\n') }}"
  vars:
    plan: "{{ edge_sites | baremesh.edge.site_plan({'cert_manager_issuers': cert_manager_issuers}) }}"

- name: Apply the Certificates of the sites
  baremesh.edge.object_apply:
    objects: "{{ (edge_sites | baremesh.edge.site_plan).certificates }}"
"""

RETURN = r"""
_value:
  description: The plan.
  type: dict
  contains:
    findings:
      description: A sentence for everything that is wrong, with variable, value and what is allowed.
      type: list
      elements: str
    warnings:
      description: A sentence for everything that may surprise.
      type: list
      elements: str
    names:
      description: >-
        Names that are looked up in DNS, with their owner, C(site). C(acme) is true where an ACME server must reach them over HTTP.
      type: list
      elements: dict
      sample: [{host: app.example.com, site: app, acme: true}]
    addresses:
      description: Addresses of the hosts that serve the sites.
      type: list
      elements: str
    proxy_addresses:
      description: Addresses of the proxies in front.
      type: list
      elements: str
    issuers:
      description: Names of the issuers that are used.
      type: list
      elements: str
    acme_servers:
      description: C(name), C(server) and C(ca_bundle) of the used issuers that are ACME servers.
      type: list
      elements: dict
    http01_issuers:
      description: Names of the issuers that have a solver for HTTP-01.
      type: list
      elements: str
    certificates:
      description: Manifests of the Certificates, those of sites before the raw ones.
      type: list
      elements: dict
    certificate_names:
      description: Their names.
      type: list
      elements: str
    secrets:
      description: Manifests of the Secrets with the authorities of client certificates.
      type: list
      elements: dict
    issued_secrets:
      description: Kind, name and namespace of the Secrets that these Certificates write.
      type: list
      elements: dict
    own_secrets:
      description: Names of the Secrets that Gateways serve and no Certificate of the plan writes.
      type: list
      elements: str
    gateways:
      description: Manifests of the Gateways.
      type: list
      elements: dict
    virtual_services:
      description: Manifests of the VirtualServices.
      type: list
      elements: dict
    destination_rules:
      description: Manifests of the DestinationRules.
      type: list
      elements: dict
    credentials:
      description: What gateway pods must serve before the Gateways open, for O(baremesh.edge.sds_secret_wait#module:credentials).
      type: list
      elements: dict
    server_names:
      description: Names for which the gateway serves certificates. For a wildcard, a name under it.
      type: list
      elements: str
    endpoints:
      description: Every name at every address, for O(baremesh.edge.served_certificate_info#module:endpoints).
      type: list
      elements: dict
    subjects:
      description: >-
        What can be proved: sites, and the servers of raw Gateways that share a credential, each with C(name), C(kind), C(hosts),
        C(server_names), C(mode), C(secrets), C(certificates) and C(issuer).
      type: list
      elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _plan, _report


def site_plan(sites: Any, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the plan of the sites."""
    return _plan.site_plan(sites, settings or {})


class FilterModule:
    """The plan of the sites, and what is joined with it."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "site_plan": site_plan,
            "site_proof": _report.site_proof,
            "site_report": _report.site_report,
            "http01_hosts": _plan.http01_hosts,
        }
