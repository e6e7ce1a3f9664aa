# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Node object says of itself. Functions on plain dictionaries."""

from __future__ import annotations

import calendar
import os
import platform
import re
import time
from collections.abc import Mapping
from typing import Any, cast

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import read_text

Node = Mapping[str, Any]

_SETTING = re.compile(r"^[\"']?(node-name|with-node-id)[\"']?[ \t]*:[ \t]*([\"']?)([^\s\"'#]+)\2", re.MULTILINE)
_NAME_IN_ENVIRONMENT = re.compile(r"^[ \t]*(K3S_NODE_NAME)=[\"']?([^\s\"']+)", re.MULTILINE)


def _settings(root: str) -> dict[str, str]:
    """Return the single values of K3s's configuration and, for what it does not name, of its unit's environment.

    Hosts need not have a YAML library, and the few values that matter are plain text at the beginning of a line.
    """
    folder = f"{root}/etc/rancher/k3s/config.yaml.d"
    texts = [read_text(f"{root}/etc/rancher/k3s/config.yaml")]
    # As in K3s, files are read in the order of their names, and a later value replaces an earlier one.
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    texts += [read_text(f"{folder}/{name}") for name in names if name.endswith((".yaml", ".yml"))]
    environment = [
        read_text(f"{root}{path}")
        for unit in ("k3s", "k3s-agent")
        for path in (f"/etc/default/{unit}", f"/etc/sysconfig/{unit}", f"/etc/systemd/system/{unit}.service.env")
    ]
    found = dict(pair for text in environment for pair in _NAME_IN_ENVIRONMENT.findall(text or ""))
    found = {"node-name": found["K3S_NODE_NAME"]} if found else {}
    found.update({match.group(1): match.group(3) for text in texts for match in _SETTING.finditer(text or "")})
    return found


def own_node_name(given: str | None, root: str = "") -> str:
    """Return the name under which K3s registers this host.

    That is C(node-name) of its configuration or environment, or else the host name; C(with-node-id) appends what K3s notes in a file when
    it first starts.

    Args:
        given: The name that the configuration will have, for a host where it is not written yet.
        root: Folder that stands for the root of the host.
    """
    settings = _settings(root)
    name = (settings.get("node-name") or given or platform.node()).lower()
    if settings.get("with-node-id", "").lower() not in ("true", "yes", "on", "1"):
        return name
    identity = (read_text(f"{root}/etc/rancher/node/id") or "").strip()
    return f"{name}-{identity}" if identity else name


def condition(node: Node, kind: str) -> Mapping[str, Any]:
    """Return one of a Node's conditions, empty if it has none of this kind."""
    for entry in (node.get("status") or {}).get("conditions") or ():
        if entry.get("type") == kind:
            return cast("Mapping[str, Any]", entry)
    return {}


def is_etcd_member(node: Node) -> bool:
    """Tell whether a Node is one of an embedded etcd cluster."""
    labels = (node.get("metadata") or {}).get("labels") or {}
    return labels.get("node-role.kubernetes.io/etcd") == "true"


def internal_address(node: Node) -> str | None:
    """Return a Node's first internal address."""
    for entry in (node.get("status") or {}).get("addresses") or ():
        if entry.get("type") == "InternalIP":
            return str(entry.get("address"))
    return None


def _seconds(moment: object) -> float:
    """Return a time of the API in seconds since 1970, 0 if it is none."""
    try:
        return float(calendar.timegm(time.strptime(str(moment), "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return 0.0


def why_not_ready(node: Node | None, version: str | None, name: str, reported_since: float = 0.0) -> str | None:
    """Return why a Node does not count as ready, or C(None) if it does.

    The Ready=True of a kubelet that ran before stays for up to a minute after it has gone, so a report since the start of the
    unit is part of the predicate. On etcd members the vote is too, as the next server must not join before.

    Args:
        node: The Node, or C(None) if the API has none of this name.
        version: K3s version that its kubelet must report; C(None) accepts any.
        name: The Node's name, for the sentence where there is none.
        reported_since: Moment after which the kubelet must have reported, in seconds since 1970 by the Node's own clock.
    """
    if node is None:
        return f"the API has no Node {name!r}: the host has not joined"
    ready = condition(node, "Ready")
    if not ready:
        return f"Node {name!r} has not reported its state yet"
    if ready.get("status") != "True":
        detail = ready.get("message") or ready.get("reason") or "no reason given"
        return f"Node {name!r} is not Ready: {detail}"
    # The API keeps whole seconds.
    if _seconds(ready.get("lastHeartbeatTime")) < int(reported_since):
        return f"the kubelet of Node {name!r} has not reported since K3s was started"
    kubelet = str(((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion") or "")
    if version is not None and kubelet != version:
        return f"Node {name!r} still reports the kubelet version {kubelet or 'none'} instead of {version}"
    for taint in (node.get("spec") or {}).get("taints") or ():
        if taint.get("key") == "node.cloudprovider.kubernetes.io/uninitialized":
            return f"Node {name!r} waits for its cloud controller, so no pod can be placed there"
    if is_etcd_member(node):
        voter = condition(node, "EtcdIsVoter")
        if voter and voter.get("status") != "True":
            return f"Node {name!r} does not vote in etcd yet: {voter.get('reason') or 'no reason given'}"
    return None
