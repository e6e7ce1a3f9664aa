# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan as tasks read it: derived once in a run, whose processes share it in the folder that Ansible has for the run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible import constants

from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number

Object = dict[str, Any]

_plans: dict[str, Object] = {}


def _plain(value: Any) -> Any:
    """Return data without what Ansible hides in it: containers that it resolves only when they are read."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _shared(key: str, given: tuple[Any, Any]) -> Object:
    """Return the plan that another process has derived from the same values, or derive it for all of them.

    Ansible makes a process for each task, and compiles what that imports, which takes longer than reading the plan.
    """
    path = os.path.join(constants.DEFAULT_LOCAL_TMP, f"plan-{hashlib.sha256(key.encode()).hexdigest()}.json")
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        found: Object = json.load(file)
        return found
    # This process is the first.
    from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan  # noqa: PLC0415 (see above)

    made = make_plan(*given)
    own = f"{path}.{os.getpid()}"
    try:
        text = json.dumps(made)
        with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(own, path)
    except (OSError, TypeError, ValueError):  # a full disk, or a manifest with a date: the others derive it too
        pass
    return made


def site_plan(sites: Any, settings: Mapping[str, Any] | None = None) -> Object:
    """The filter site_plan: what make_plan derives."""
    given = _plain(sites), _plain(settings or {})
    key = json.dumps(given, default=repr)
    if key not in _plans:
        _plans[key] = _shared(key, given)
    return _plans[key]


def http01_hosts(plan: Mapping[str, Any], names: Collection[str] | None = None) -> list[str]:
    """Return the hosts whose next order will be proved by HTTP-01; none where no address is known to ask for them.

    Args:
        plan: What C(make_plan) returned.
        names: Names of the Certificates that will be ordered. None: all of them.
    """
    if not (plan["addresses"] or plan["proxy_addresses"]):
        return []
    found = [
        host
        for certificate in plan["certificates"]
        if names is None or certificate["metadata"]["name"] in names
        for host in (certificate.get("spec") or {}).get("dnsNames") or []
        if (certificate["spec"].get("issuerRef") or {}).get("name") in plan["http01_issuers"] and not host.startswith("*")
    ]
    return list(dict.fromkeys(found))


def gateway_ports(ports: Sequence[Mapping[str, Any]], gateways: Mapping[str, Sequence[Mapping[str, Any]]], addresses: Sequence[str]) -> Any:
    """Return the host ports of a host with those of the gateways whose addresses it has.

    Args:
        ports: The value of C(host_ports_ports), which forwards to the default gateway.
        gateways: C(host_ports) of the plan: by address, its ports with their NodePorts and gateways. What every host forwards has
            an empty address.
        addresses: Addresses of the host.
    """
    everywhere = [{"port": entry["port"], "node_port": entry["node_port"]} for entry in gateways.get("", ())]
    given = {_number(entry, "port") for entry in ports}
    ports = [*ports, *(entry for entry in everywhere if entry["port"] not in given)]
    here = [entry for address in dict.fromkeys(addresses) for entry in gateways.get(address, ())]
    added = {(int(entry["port"]), int(entry["node_port"])) for entry in here if entry["gateway"]}
    if all(entry["gateway"] for entry in here):
        # The host serves other gateways only, so their ports take the place of those of the default one.
        moved = {port for port, _node_port in added}
        ports = [
            entry
            for entry in ports
            if _number(entry, "port") not in moved or (_number(entry, "port"), _number(entry, "node_port")) in added
        ]
    known = {(_number(entry, "port"), _number(entry, "node_port")) for entry in ports}
    return [*ports, *({"port": port, "node_port": number} for port, number in sorted(added - known))]


def _number(entry: Mapping[str, Any], key: str) -> int | None:
    return whole_number(entry.get(key))
