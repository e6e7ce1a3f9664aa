#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: served_certificate_info
short_description: Report which certificates are served on the wire, and wait for the right ones
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Makes a TLS handshake with each endpoint, all at once, and reads the certificate that is served for a server name.
  - Trusts nothing and checks no chain. It reports what is there, whoever signed it.
  - With O(expected_serials) it waits for at most O(timeout) until each endpoint serves the certificate with that serial number, and fails
    with the endpoint, the served and the expected serial number if one does not.
notes:
  - Runs where the network path is to be proved, on the hosts themselves, on a client, or on the controller.
seealso:
  - module: baremesh.edge.certificate_info
  - module: baremesh.edge.sds_secret_info
requirements:
  - python >= 3.9
  - cryptography >= 3.3
extends_documentation_fragment:
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  endpoints:
    description: What to ask.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: IP address or host name to connect to.
        type: str
        required: true
      port:
        description: Port to connect to.
        type: int
        default: 443
      server_name:
        description: Name to ask for in the handshake (SNI). For a wildcard, a name that it covers is asked for.
        type: str
        required: true
      proxy_protocol:
        description:
          - Begin the connection with a PROXY header, as a gateway with C(gatewayTopology.proxyProtocol) expects it.
          - Not where the connection goes through the proxy in front, which sends the header itself.
        type: bool
        default: false
      lowest_tls:
        description:
          - Lowest TLS version that clients may speak. The certificate must be served with it too, by a second handshake.
          - Without it, only the newest version that both sides have is spoken. A server that wants a certificate of its
            clients can be asked with 1.3 only.
        type: str
        choices: ['1.2', '1.3']
  expected_serials:
    description: By server name, the serial number in hexadecimal that must be served. Names that are not here only have to be served.
    type: dict
    default: {}
  timeout:
    description: Seconds to wait for O(expected_serials). With V(0) there is one look.
    type: int
    default: 30
  connect_timeout:
    description: Seconds for one connection and handshake.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: Wait until the hosts serve what is in the Secret
  baremesh.edge.served_certificate_info:
    endpoints:
      - {address: 192.0.2.10, server_name: app.example.com}
      - {address: "2001:db8::10", server_name: app.example.com}
    expected_serials:
      app.example.com: "{{ issued.certificates[0].serial }}"
    timeout: 60

- name: Look only, from the controller
  baremesh.edge.served_certificate_info:
    endpoints:
      - {address: app.example.com, server_name: app.example.com}
  delegate_to: localhost
  register: seen
"""

RETURN = r"""
endpoints:
  description: One entry per endpoint, in the order given.
  type: list
  elements: dict
  returned: always
  contains:
    address:
      description: The address.
      type: str
    port:
      description: The port.
      type: int
    server_name:
      description: The name asked for.
      type: str
    state:
      description: C(served), C(refused), C(reset) or C(forward_failed), the last where the endpoint cannot be reached.
      type: str
    serial:
      description: Serial number, lower-case hexadecimal without leading zeros.
      type: str
    fingerprint_sha256:
      description: Fingerprint, lower-case hexadecimal.
      type: str
    issuer:
      description: Common name of the authority that signed it.
      type: str
    dns_names:
      description: Names of the certificate.
      type: list
      elements: str
    not_after:
      description: End of its validity.
      type: str
    error:
      description: Why there is no certificate. Empty where there is one.
      type: str
    detail:
      description: The same as RV(endpoints[].error).
      type: str
elapsed:
  description: Seconds that it took.
  type: float
  returned: always
observations:
  description: Handshakes that were made.
  type: int
  returned: always
cause:
  description: The first thing that is not as expected.
  type: str
  returned: always
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.served import Endpoint, ServedWait, parse_endpoints, parse_expected
from ansible_collections.baremesh.edge.plugins.module_utils._net.tls import require_cryptography
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock


def argument_spec() -> dict[str, dict[str, Any]]:
    """The module's options."""
    endpoint: dict[str, dict[str, Any]] = {
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "default": 443},
        "server_name": {"type": "str", "required": True},
        "proxy_protocol": {"type": "bool", "default": False},
        "lowest_tls": {"type": "str", "choices": ["1.2", "1.3"]},
    }
    return {
        "endpoints": {"type": "list", "elements": "dict", "required": True, "options": endpoint},
        "expected_serials": {"type": "dict", "default": {}},
        "timeout": {"type": "int", "default": 30},
        "connect_timeout": {"type": "int", "default": 5},
    }


def read(params: dict[str, Any]) -> tuple[list[Endpoint], dict[str, str]]:
    """The endpoints and the serial numbers that they must serve. Raises ValueError and LibraryMissingError."""
    require_cryptography()
    endpoints = parse_endpoints(params["endpoints"])
    names = {endpoint.server_name for endpoint in endpoints}
    return endpoints, parse_expected(params["expected_serials"], names, "no endpoint has that server_name")


def main() -> None:
    """Run the module."""
    module = EdgeModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    empty: dict[str, Any] = {"endpoints": [], "elapsed": 0.0, "observations": 0}
    endpoints, expected = attempt(module, lambda: read(params), lambda cause: {**empty, "cause": cause})
    # In check mode what is awaited may not have been made: look once and report.
    seconds = 0 if module.check_mode else params["timeout"]
    look = ServedWait(endpoints, expected, Deadline(SystemClock(), seconds), params["connect_timeout"]).run()
    result = {
        "endpoints": look.entries,
        "elapsed": round(look.elapsed, 3),
        "observations": look.observations,
        "cause": look.problems[0] if look.problems else None,
    }
    if look.problems and expected and not module.check_mode:
        module.fail_json(msg="\n".join(look.problems[:10]), **result)
    module.exit_json(changed=False, msg="\n".join(look.problems[:10]), **result)


if __name__ == "__main__":
    main()
