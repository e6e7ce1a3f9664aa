# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How connections end well that clients have opened to a Gateway of one API, when one of the other takes its place.

istiod gives each Gateway with HTTPS a route table of its own, which it empties when the Gateway is deleted. Envoy still asks that table
for requests on connections that it drains, and would answer them with 404. So the old Gateway stays for as long, under a name that nothing
asks for: the new one gets all new connections, and the old table still leads where it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_tls import MUTUAL_MODES, OF_MESH
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import LABELS, Site

Object = dict[str, Any]

FILTER = "edge-draining"
# No such name can be looked up; RFC 6761.
_DOMAIN = "draining.invalid"
# Modes in which requests are read, by a table that is the site's own.
_OWN_TABLE = ("SIMPLE", *MUTUAL_MODES, OF_MESH)
_ROUTES = ("VirtualService", "HTTPRoute")


def draining(sites: Sequence[Site], made: Sequence[Object], namespace: str, selector: Raw, port: int, gateway: str = "") -> list[Object]:
    """Return what the objects of the other API become until their connections have ended; Gateways are the last.

    Args:
        sites: The sites.
        made: What they are in that API.
        namespace: Namespace of the Gateways.
        selector: Labels of the gateway pods.
        port: Port of the Gateways.
        gateway: Name of the gateway; empty for the default one.
    """
    names = {site.name: f"{site.name}.{_DOMAIN}" for site in sites if site.tls.mode in _OWN_TABLE and not site.tcp_port and site.routes}
    own = [each for each in made if each["metadata"]["name"] in names and each["kind"] in (*_ROUTES, "Gateway")]
    if not own:
        return []
    # The table of the old Gateway answers for the name of the site, though the Gateway no longer has it.
    patches = [
        {
            "applyTo": "VIRTUAL_HOST",
            "match": {"context": "GATEWAY", "routeConfiguration": {"vhost": {"name": f"{names[site.name]}:{port}"}}},
            "patch": {"operation": "MERGE", "value": {"domains": list(site.hosts)}},
        }
        for site in sites
        if site.name in names
    ]
    spec = {"workloadSelector": {"labels": dict(selector)}, "configPatches": patches}
    metadata = {"name": f"{FILTER}.{gateway}" if gateway else FILTER, "namespace": namespace, "labels": dict(LABELS)}
    held = {"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": metadata, "spec": spec}
    moved = [_moved(each, names[each["metadata"]["name"]]) for each in own]
    return [held, *sorted(moved, key=lambda each: each["kind"] == "Gateway")]


def _moved(made: Object, name: str) -> Object:
    """Return an object with another name: a Gateway in place of its own, routes beside it."""
    spec: Object = made["spec"]
    changed: Object
    if "servers" in spec:
        changed = {"servers": [{**server, "hosts": [name]} for server in spec["servers"]]}
    elif "listeners" in spec:
        changed = {"listeners": [{**listener, "hostname": name} for listener in spec["listeners"]]}
    else:
        key = "hosts" if "hosts" in spec else "hostnames"
        changed = {key: [*spec[key], name]}
    return {**made, "spec": {**spec, **changed}}
