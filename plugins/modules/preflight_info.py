#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Gather what must be known of a host before K3s is installed there
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Reads the operating system, control groups, memory, routes, clock, firewalls and who listens on which ports.
  - Looks up names and fetches small documents, if asked to, as this host sees them.
  - Asks the Kubernetes API, if there is one, for a dry run of objects that will be applied.
  - Judges nothing, and changes nothing but what O(examine.begins) says.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._attributes.linux
  - baremesh.edge._attributes
  - baremesh.edge._downloads
attributes:
  diff_mode:
    support: none
options:
  examine:
    description: What to read from the host itself, V({}) for what needs no options. Nothing is read from it unless set.
    type: dict
    suboptions:
      ports:
        description: TCP ports whose listeners are returned.
        type: list
        elements: int
        default: []
      data_dir:
        description: Folder whose free space is returned.
        type: path
        default: /var/lib/rancher/k3s
      node_config:
        description: Contents of K3s's configuration file on this host, of which C(node-name) and C(with-node-id) decide the Node's name.
        type: dict
        default: {}
      reference_time:
        description: The controller's time in seconds since 1970 when the task began, to compare clocks.
        type: float
      run:
        description: The run of Ansible that this is, C(identity) and C(who). The others that have begun here since the boot are returned.
        type: dict
      begins:
        description:
          - Whether the host remembers O(examine.run), in C(/run/baremesh/runs.json), so that others see it. Nothing is remembered in check
            mode.
        type: bool
        default: false
      tools:
        description: What to return beside, as M(baremesh.edge.api_client_info) does, on the host that talks to the Kubernetes API.
        type: dict
        suboptions:
          helm:
            description: Path of Helm.
            type: path
            required: true
          tools_dir:
            description: Folder in which Helm can be installed.
            type: path
            required: true
          install:
            description: Whether missing tools may be installed.
            type: bool
            required: true
  network:
    description: What to ask the network and the cluster, as this host reaches them.
    type: dict
    suboptions:
      names:
        description: Names to look up.
        type: list
        elements: str
        default: []
      caa_names:
        description: Names whose CAA records to look up, those of the nearest parent that has any included. They may be wildcards.
        type: list
        elements: str
        default: []
      dns01:
        description:
          - TSIG keys to try, each by a signed update that changes nothing. The zone is that in which O(network.dns01[].zone) is.
        type: list
        elements: dict
        default: []
        suboptions:
          server:
            description: Address of the name server.
            type: str
            required: true
          zone:
            description: Name of the zone, or of something in it.
            type: str
            required: true
          key_name:
            description: Name of the key.
            type: str
            required: true
          algorithm:
            description: Algorithm of the key.
            type: str
            choices: [HMACMD5, HMACSHA1, HMACSHA256, HMACSHA512]
            required: true
          token:
            description: Secret of the key in Base64.
            type: str
            required: true
      challenges:
        description: Hosts that are proved by DNS-01, whose zones to look for as cert-manager does.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The host, without the asterisk of a wildcard.
            type: str
            required: true
          follow:
            description: Whether the record goes where a CNAME points to.
            type: bool
            default: false
          resolvers:
            description: Addresses of name servers to ask instead of those of this host.
            type: list
            elements: str
            default: []
          servers:
            description: Whether to ask the servers of the zone too.
            type: bool
            default: true
      urls:
        description: Documents to fetch.
        type: list
        elements: dict
        default: []
        suboptions:
          url:
            description: Address of the document.
            type: str
            required: true
          ca_bundle:
            description: Certificates to trust beside the host's own, as PEM or Base64 of it.
            type: str
      release:
        description:
          - Folder of a K3s release on a web server. The checksum file for this host's architecture is fetched from there.
        type: str
      objects:
        description:
          - Definitions of Kubernetes objects. Those that differ from what the cluster has are sent to the API server as a dry run, so that
            it and its admission webhooks judge them.
          - Kinds and namespaces that do not exist yet are no reason to refuse, and neither is a webhook that does not answer.
        type: list
        elements: dict
        default: []
      orders:
        description: Namespace and name of the ConfigMap of M(baremesh.edge.certificate_orders_info), to return what that returns.
        type: list
        elements: str
        default: []
      owner:
        description: Labels that O(network.objects) get when they are applied, as for M(baremesh.edge.object_apply).
        type: dict
        default: {}
  timeout:
    description: Seconds that fetching may take.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: See who holds the web ports, and whether an ACME authority answers
  baremesh.edge.preflight_info:
    examine:
      ports: [80, 443]
    network:
      urls:
        - url: https://acme-v02.api.letsencrypt.org/directory
"""

RETURN = r"""
host:
  description: What was read from the host.
  type: dict
  returned: when O(examine) is given
  sample:
    os: {id: debian, version: "12"}
    cgroups: {version: 2, memory: true, cpuset: true}
    listeners: [{port: 80, process: nginx, unit: nginx.service, pid: 812, address: 0.0.0.0, pod: false}]
resolved:
  description: Addresses by name.
  type: dict
  returned: success
caa:
  description: CAA records by name, with the domain C(at) which they are, and an C(error) where they could not be looked up.
  type: dict
  returned: success
  sample:
    app.example.com: {at: example.com, records: [{critical: false, tag: issue, value: letsencrypt.org}], error: ""}
dns01:
  description:
    - What the name servers say of each of O(network.dns01), by C(server) and C(zone).
    - C(at) is the zone that the server has, empty for none; C(refusal) is what it says of the update, empty where it takes it.
    - C(error) says why it could not be asked.
  type: list
  elements: dict
  returned: success
  sample: [{server: 192.0.2.53, zone: example.com, at: example.com, refusal: BADKEY, error: ""}]
challenges:
  description:
    - Where the record of each of O(network.challenges) goes, by name.
    - C(alias) is where its C(_acme-challenge) points to; C(zone) is empty where there is none; C(servers) of the zone say its C(serial), or
      what their C(problem) is. C(error) says why it could not be found out.
  type: dict
  returned: success
  sample:
    app.example.com:
      {alias: "", zone: example.com, error: "", servers: [{name: ns1.example.com, address: 192.0.2.53, serial: 7, problem: ""}]}
orders:
  description:
    - RV(baremesh.edge.certificate_orders_info#module:orders) and RV(baremesh.edge.certificate_orders_info#module:held), missing
      where the API does not answer.
  type: dict
  returned: when O(network.orders) is given
dry_run:
  description: What the Kubernetes API says of O(network.objects).
  type: dict
  returned: when O(network.objects) are given
  contains:
    refused:
      description: C(kind), C(namespace) and C(name) of the objects that are refused, and the C(message) of the API server or a webhook.
      type: list
      elements: dict
    charts:
      description: Versions of the charts that Helm has installed in the cluster. Empty where nothing is refused.
      type: dict
    shared:
      description:
        - DestinationRules of others that are for the same C(host) as one of O(network.objects), in the same C(namespace).
        - C(name) is that of the object, C(other) that of the DestinationRule.
      type: list
      elements: dict
    reason:
      description: Why the API could not be asked, empty if it was.
      type: str
foreign:
  description:
    - What Gateways and VirtualServices of others, in any namespace, take from those in O(network.objects).
    - C(object) is the one of others, in C(namespace); C(kind) and C(name) are those of ours, and C(host) is the name that both are for.
    - C(effect) is C(host), istiod leaves out our server for that name; C(port), it leaves out our server for its protocol; C(routes), their
      routes go before all or some of ours; or C(part), the name is one of our wildcard.
  type: list
  elements: dict
  returned: when O(network.objects) are given
fetched:
  description: Status, error and body by address.
  type: dict
  returned: success
"""

import contextlib
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.listeners import uplinks
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import release
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.existing import existing_k3s
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.nodes import own_node_name
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import open_client, open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._masking import secret_values
from ansible_collections.baremesh.edge.plugins.module_utils._module import ENVIRONMENT, EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._preflight import host, network, runs
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.api_client import probe
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.distribution import os_release
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.tsig import ALGORITHMS
from ansible_collections.baremesh.edge.plugins.module_utils._wait import SystemClock

_WATCHED_UNITS = (
    *("firewalld.service", "nftables.service", "netfilter-persistent.service", "iptables.service"),
    *("nm-cloud-setup.timer", "nm-cloud-setup.service"),
)


def _active_units(module: EdgeModule) -> list[str]:
    _code, out, _err = module.run_command(["systemctl", "is-active", *_WATCHED_UNITS], handle_exceptions=False)
    return [unit for unit, state in zip(_WATCHED_UNITS, out.split()) if state in ("active", "activating")]


def _network_manager(module: EdgeModule) -> str:
    _code, out, _err = module.run_command(["NetworkManager", "--version"], handle_exceptions=False)
    return str(out).strip()


def read_host(module: EdgeModule, given: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return what the host reports about itself.

    Args:
        module: The running module.
        given: Its options for the host.
        now: The host's time when the module began.
    """
    root = Path("/")
    systemd = os.path.isdir("/run/systemd/system")
    _code, ip_output, _err = module.run_command(["ip", "-o", "address", "show", "up"], handle_exceptions=False)
    reference, config = given["reference_time"], given["node_config"]
    units = _active_units(module) if systemd else []
    return {
        "os": os_release(root),
        "machine": platform.machine(),
        "hostname": platform.node(),
        "identity": host.identity(root),
        "node_name": own_node_name(config.get("node-name")),
        "node_ip": config.get("node-ip") or "",
        "node_id": module.boolean(config.get("with-node-id") or False),
        "python": platform.python_version(),
        "root": os.geteuid() == 0,
        "systemd": systemd,
        "cgroups": host.cgroups(root),
        "missing_modules": host.missing_modules(root, platform.release()),
        "selinux": host.selinux(root),
        "other_k3s": existing_k3s(),
        "memory_mib": host.memory_mib(root),
        "cores": len(os.sched_getaffinity(0)),
        "free_mib": host.free_mib(given["data_dir"]),
        "default_route": bool(uplinks()),
        "addresses": host.addresses(ip_output),
        "time_offset": None if reference is None else round(now - reference, 3),
        "listeners": host.listeners(given["ports"], root),
        "active_units": units,
        "network_manager": _network_manager(module) if any(unit.startswith("nm-cloud-setup") for unit in units) else "",
        "ufw": host.ufw_enabled(root),
        "runs": _other_runs(given["run"], now, given["begins"] and not module.check_mode),
        "tools": probe({**module.params, **given["tools"]}, open_transport) if given["tools"] else None,
    }


def _other_runs(run: Mapping[str, Any] | None, now: float, begins: bool) -> list[dict[str, Any]]:
    return runs.others(run, now, begins) if run and run.get("identity") else []


def main() -> None:
    """Run the module."""
    now = time.time()
    strings = {"type": "list", "elements": "str", "default": []}
    tools = {name: {"type": kind, "required": True} for name, kind in (("helm", "path"), ("tools_dir", "path"), ("install", "bool"))}
    module = EdgeModule(
        argument_spec={
            **auth_argument_spec(),
            "examine": {
                "type": "dict",
                "options": {
                    "ports": {"type": "list", "elements": "int", "default": []},
                    "data_dir": {"type": "path", "default": "/var/lib/rancher/k3s"},
                    "node_config": {"type": "dict", "default": {}},
                    "reference_time": {"type": "float"},
                    "run": {"type": "dict"},
                    "begins": {"type": "bool", "default": False},
                    "tools": {"type": "dict", "options": tools},
                },
            },
            "network": {
                "type": "dict",
                # Because of the objects: the log of a host shows what is inside an option unless that is secret as a whole.
                "no_log": True,
                "apply_defaults": True,
                "options": {
                    "names": strings,
                    "caa_names": strings,
                    "dns01": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            **{name: {"type": "str", "required": True} for name in ("server", "zone", "key_name")},
                            "algorithm": {"type": "str", "required": True, "choices": list(ALGORITHMS)},
                            "token": {"type": "str", "required": True, "no_log": True},
                        },
                    },
                    "challenges": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "name": {"type": "str", "required": True},
                            "follow": {"type": "bool", "default": False},
                            "resolvers": strings,
                            "servers": {"type": "bool", "default": True},
                        },
                    },
                    "urls": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {"url": {"type": "str", "required": True}, "ca_bundle": {"type": "str"}},
                    },
                    "release": {"type": "str"},
                    "objects": {"type": "list", "elements": "dict", "default": []},
                    "orders": strings,
                    "owner": {"type": "dict", "default": {}},
                },
            },
            "timeout": {"type": "int", "default": 10},
            **ENVIRONMENT,
        },
        supports_check_mode=True,
    )
    asked = module.params["network"]
    objects = module.withhold("objects", secret_values, asked)
    module.take_environment()
    urls = list(asked["urls"])
    if asked["release"]:
        # An architecture without releases is for those to judge who get the result.
        with contextlib.suppress(release.ReleaseError):
            urls.append({"url": f"{asked['release']}/{release.arch(platform.machine()).sums}"})
    result = network.look(asked["names"], urls, module.params["timeout"], asked["caa_names"], asked["dns01"], asked["challenges"])
    if objects:
        from ansible_collections.baremesh.edge.plugins.module_utils._istio.foreign_look import foreign_objects  # noqa: PLC0415 (the same)
        from ansible_collections.baremesh.edge.plugins.module_utils._workload.dry_run import dry_run  # noqa: PLC0415 (one host needs it)

        result["dry_run"] = dry_run({**module.params, "owner": asked["owner"]}, objects)
        result["foreign"] = [] if result["dry_run"]["reason"] else foreign_objects(module.params, objects, asked["owner"])
    if asked["orders"]:
        from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.noted_orders import read_orders  # noqa: PLC0415 (the same)

        # Without an API there is no cluster yet.
        with contextlib.suppress(EdgeError):
            result["orders"] = read_orders(open_client(module.params)[0], asked["orders"][0], asked["orders"][1], SystemClock())
    if module.params["examine"] is not None:
        try:
            result["host"] = read_host(module, module.params["examine"], now)
        except OSError as error:
            module.fail_json(msg=f"The host cannot be examined: {error}.")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
