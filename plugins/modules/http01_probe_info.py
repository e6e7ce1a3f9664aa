#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: http01_probe_info
short_description: Report whether requests for ACME challenges reach the gateway
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Asks each address, under the name of each host, for an ACME challenge that does not exist. Only the gateway's own 404
    shows that nothing takes challenges from cert-manager's solver; anything else may cost an order, and after a few of
    them a rate limit.
  - Where the gateway gives another answer, the module reads its Gateways, VirtualServices, HTTPRoutes, Ingresses,
    AuthorizationPolicies, EnvoyFilters and WasmPlugins. A rule that gives way to the solver's, such as a redirect
    without a condition, is no problem. The object that takes challenges is named.
  - Distinguishes a name that does not resolve, a port that is closed, one that is dropped, and another server.
  - Looks up the hosts too, where the module runs, and warns when they point elsewhere. The ACME server may see another
    DNS, so this is not a failure.
  - Without a Kubernetes API the answers are judged by themselves.
extends_documentation_fragment:
  - baremesh.edge._gateway_pods
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  hosts:
    description: Names for which certificates will be ordered.
    type: list
    elements: str
    required: true
  addresses:
    description: Addresses of the hosts that serve them.
    type: list
    elements: str
    required: true
  proxies:
    description:
      - Addresses of proxies in front of the hosts. They are asked like O(addresses), and must forward to the gateway too.
      - An HTTP proxy must leave the header C(server) of the gateway's answers as it is. By this header the gateway is
        recognised, also where C(proxyHeaders) of Istio's proxyConfig changes it or turns it off.
    type: list
    elements: str
    default: []
  proxy_protocol:
    description:
      - Begin connections to O(addresses) with a PROXY header, as a gateway with C(gatewayTopology.proxyProtocol) expects it.
      - Those to O(proxies), and to what names point to, begin without one, as the ACME server's will.
    type: bool
    default: false
  istio_namespace:
    description: Namespace of istiod, whose policies and filters are for the gateway too.
    type: str
    default: istio-system
  port:
    description: Port that the ACME server will ask.
    type: int
    default: 80
  path_token:
    description: Last part of the path that is asked for.
    type: str
    default: baremesh-edge-probe
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 5
  dns:
    description: Whether to look up the hosts as well.
    type: bool
    default: true
seealso:
  - module: baremesh.edge.certificate_wait
"""

EXAMPLES = r"""
- name: Prove the path of ACME challenges before ordering a certificate
  baremesh.edge.http01_probe_info:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    hosts: [app.example.com]
    addresses: [192.0.2.10]
  register: probe
  failed_when: probe.problems | length > 0
"""

RETURN = r"""
msg:
  description: The problems in one text.
  returned: when there are any
  type: str
problems:
  description: One sentence for each address where a challenge would not reach cert-manager's solver; empty when all would.
  returned: always
  type: list
  elements: str
  sample: ["app.example.com at 192.0.2.10:80: connection refused: nothing listens there, or a firewall rejects it"]
dns:
  description: One sentence for each host whose name points elsewhere, as seen from here.
  returned: always
  type: list
  elements: str
probes:
  description: What each request found.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description: The name that was asked for.
      type: str
    address:
      description: The address that was asked.
      type: str
    upstream:
      description: Whether a service behind the gateway gave the answer.
      type: bool
    location:
      description: Where a redirect points to.
      type: str
    status:
      description: HTTP status of the answer, 0 where there was none.
      type: int
    server:
      description: What the answer's header C(server) says.
      type: str
    problem:
      description: Why a challenge would not reach cert-manager's solver, empty when it would.
      type: str
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.challenge_look import ChallengeLook, judge_all
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import open_client
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.http01 import ENVOY, Probe, dns_findings, probe_all


def _shown(found: Probe) -> dict[str, Any]:
    return {name: value for name, value in asdict(found).items() if name != "closed"}


def _problem(found: Probe, proxies: Sequence[str]) -> str:
    if found.server not in ("", ENVOY) and found.address in proxies:
        return found.problem + " (an HTTP proxy must pass the gateway's header server on; in nginx: proxy_pass_header Server;)"
    return found.problem


def _look(params: dict[str, Any]) -> ChallengeLook:
    client, _connection = open_client(params)
    return ChallengeLook(client, params["namespace"], params["selector"], params["istio_namespace"])


def main() -> None:
    """Ask and return."""
    module = EdgeModule(
        argument_spec={
            "hosts": {"type": "list", "elements": "str", "required": True},
            "addresses": {"type": "list", "elements": "str", "required": True},
            "proxies": {"type": "list", "elements": "str", "default": []},
            "proxy_protocol": {"type": "bool", "default": False},
            "namespace": {"type": "str", "default": "istio-ingress"},
            "selector": {"type": "dict", "default": {"istio": "ingress"}},
            "istio_namespace": {"type": "str", "default": "istio-system"},
            "port": {"type": "int", "default": 80},
            "path_token": {"type": "str", "default": "baremesh-edge-probe", "no_log": False},
            "timeout": {"type": "int", "default": 5},
            "dns": {"type": "bool", "default": True},
            **auth_argument_spec(),
        },
        supports_check_mode=True,
    )
    params = module.params
    hosts, how = params["hosts"], (params["port"], params["path_token"], params["timeout"])
    expects = params["proxy_protocol"]
    seen = probe_all(hosts, params["addresses"], *how, proxy_protocol=expects) + probe_all(hosts, params["proxies"], *how)
    probes = judge_all(seen, lambda: _look(params))
    problems = [f"{p.host} at {p.address}:{params['port']}: {_problem(p, params['proxies'])}" for p in probes if p.problem]
    findings = dns_findings(hosts, params["addresses"], *how, proxy_protocol=expects) if params["dns"] else []
    for finding in findings:
        module.warn(finding)
    found = {"msg": "\n".join(problems)} if problems else {}
    module.exit_json(changed=False, **found, problems=problems, dns=findings, probes=[_shown(p) for p in probes])


if __name__ == "__main__":
    main()
