# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of Istio's gateway chart from the short form of a gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, dictionaries
from ansible_collections.baremesh.edge.plugins.plugin_utils._schemas import is_of, judge
from ansible_collections.baremesh.edge.plugins.plugin_utils._versions import minor_of

KINDS = ("Deployment", "DaemonSet")
SERVICE_TYPES = ("NodePort", "LoadBalancer", "ClusterIP")
POLICIES = ("Local", "Cluster")
_KEYS = (
    *("name", "namespace", "selector", "kind", "replicas", "service_type", "external_traffic_policy", "ports", "trusted_proxies"),
    *("proxy_protocol", "connection_settings", "access_log", "values"),
)
_PORT_KEYS = ("name", "port", "target_port", "node_port", "protocol")
# Health checks of a load balancer ask the status port. Among NodePorts it would be one more that is open on every host.
DEFAULT_PORTS = ({"name": "http2", "port": 80}, {"name": "https", "port": 443})
STATUS_PORT = {"name": "status-port", "port": 15021}
PROXY_CONFIG = "proxy.istio.io/config"
# The extension provider in the mesh's configuration that says what is logged of a request (roles/istio/vars/main.yml).
ACCESS_LOG_PROVIDER = "baremesh-edge-access-log"
MOST_PROXIES = 16
# Istio's ProxyConfig.ConnectionSettings, which istiod before this version refuses to know, with the pod.
_FIRST_WITH_CONNECTION_SETTINGS = (1, 31)
_SECONDS = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?s$"}
_COUNT = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
_UNDERSCORES = [f"HEADERS_WITH_UNDERSCORES_{action}" for action in ("UNSPECIFIED", "ALLOW", "REJECT_REQUEST", "DROP_HEADER")]
_SLASHES = ["PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED", "KEEP_UNCHANGED", "REJECT_REQUEST", "UNESCAPE_AND_REDIRECT", "UNESCAPE_AND_FORWARD"]
_CONNECTION_SETTINGS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "profile": {"type": "string", "enum": ["SIDECAR", "EDGE"]},
        "httpHeadersWithUnderscoresAction": {"type": "string", "enum": _UNDERSCORES},
        "httpMergeSlashes": {"type": "boolean"},
        "httpPathWithEscapedSlashesAction": {"type": "string", "enum": _SLASHES},
        **dict.fromkeys(("httpIdleTimeout", "httpMaxConnectionDuration", "httpDrainTimeout", "httpRequestTimeout"), _SECONDS),
        **dict.fromkeys(("httpRequestHeadersTimeout", "httpStreamIdleTimeout", "httpMaxStreamDuration"), _SECONDS),
        **dict.fromkeys(("listenerPerConnectionBufferLimitBytes", "clusterPerConnectionBufferLimitBytes"), _COUNT),
        **dict.fromkeys(("httpMaxConcurrentStreams", "http2InitialStreamWindowSize", "http2InitialConnectionWindowSize"), _COUNT),
        **dict.fromkeys(("listenerConnectionLimit", "globalDownstreamConnectionLimit"), _COUNT),
    },
}


def merged(base: Any, over: Any) -> Any:
    """Merge two trees; where both have a dictionary it is merged, else the second one wins."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {
            key: merged(base[key], over[key]) if key in base and key in over else over.get(key, base.get(key)) for key in {**base, **over}
        }
    return over


def _port(fields: Fields, raw: Any, index: int) -> dict[str, Any]:
    at = Fields(raw, f"{fields.place}.ports[{index}]", fields.findings, fields.title)
    if not isinstance(raw, Mapping):
        fields.report(f"ports[{index}] is {raw!r}; it must be a dictionary")
        return {}
    at.only(_PORT_KEYS)
    port = at.port("port")
    found = {
        "name": at.name("name", required=True),
        "port": port,
        "targetPort": at.integer("target_port", 1, 65535) or port,
        "protocol": at.choice("protocol", ("TCP", "UDP")) or "TCP",
    }
    node_port = at.integer("node_port", 1, 65535)
    return {**found, "nodePort": node_port} if node_port else found


def _spread(labels: Raw) -> list[dict[str, Any]]:
    """A pod on each node, at upgrades as well: the constraint counts pods of one revision, so that new ones may come first."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": "Honor",
            "labelSelector": {"matchLabels": dict(labels)},
            "matchLabelKeys": ["pod-template-hash"],
        }
    ]


def _proxy_config(fields: Fields, version: str) -> dict[str, Any]:
    """Return what Envoy must know about the proxies in front of it, and how it treats connections.

    As an annotation of the pods, and not in the mesh's defaults: Envoy reads it when it starts, so that pods have to be
    replaced, and only those of this gateway are.
    """
    topology: dict[str, Any] = {}
    trusted = fields.integer("trusted_proxies", 0, MOST_PROXIES)
    if trusted:
        topology["numTrustedProxies"] = trusted
    if fields.boolean("proxy_protocol", False):
        topology["proxyProtocol"] = {}
    config = {"gatewayTopology": topology} if topology else {}
    connections = fields.mapping("connection_settings")
    for problem in judge(_CONNECTION_SETTINGS, connections, "connection_settings", is_of("istio", version)) if connections else ():
        fields.report(problem)
    if connections and (minor_of(version) or (0, 0)) >= _FIRST_WITH_CONNECTION_SETTINGS:
        config["connectionSettings"] = dict(connections)
        # The agent writes Envoy's limit from this (istio.io/istio, pkg/bootstrap/config.go), and not yet from the setting.
        if limit := connections.get("globalDownstreamConnectionLimit"):
            config["proxyMetadata"] = {"ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS": str(limit)}
    return config


def _own_topology(fields: Fields, config: Raw, values: Raw) -> None:
    """Report an annotation of the user's that would take the place of what the role says of proxies."""
    annotations = values.get("podAnnotations")
    if "gatewayTopology" in config and isinstance(annotations, Mapping) and PROXY_CONFIG in annotations:
        fields.report(
            f"values have an annotation {PROXY_CONFIG} of their own, which would replace that of trusted_proxies and proxy_protocol; "
            "write gatewayTopology into it and leave these two out"
        )


def _with_tcp(fields: Fields, ports: list[Any], settings: Raw) -> list[Any]:
    """Add the ports of TCP sites to the ingress gateway, but for those that users wrote into it themselves."""
    if fields.raw.get("name") != settings.get("ingress"):
        return ports
    given = {str(port.get("port")) for port in ports if isinstance(port, Mapping)}
    return [*ports, *(port for port in settings.get("ports") or () if str(port["port"]) not in given)]


def _release(fields: Fields, settings: Raw) -> dict[str, Any]:
    version, common = settings["version"], settings.get("values") or {}
    fields.only(_KEYS)
    name = fields.name("name", required=True) or ""
    selector = fields.labels("selector") or {"istio": name.removeprefix("istio-")}
    kind = fields.choice("kind", KINDS) or "Deployment"
    service_type = fields.choice("service_type", SERVICE_TYPES) or "NodePort"
    policy = fields.choice("external_traffic_policy", POLICIES)
    ports = _with_tcp(fields, fields.sequence("ports") or [*[STATUS_PORT] * (service_type != "NodePort"), *DEFAULT_PORTS], settings)
    replicas = fields.integer("replicas", 1, 1000)
    values: dict[str, Any] = {
        "kind": kind,
        "labels": selector,
        # The injected image has the tag auto, for which Kubernetes would ask the registry at every start.
        "imagePullPolicy": "IfNotPresent",
        "autoscaling": {"enabled": False},
        "service": {"type": service_type, "ports": [_port(fields, port, index) for index, port in enumerate(ports)]},
    }
    fields.boolean("access_log", True)
    config = _proxy_config(fields, version)
    if config:
        values["podAnnotations"] = {PROXY_CONFIG: json.dumps(config, separators=(",", ":"))}
    if policy and service_type != "ClusterIP":
        values["service"]["externalTrafficPolicy"] = policy
    if kind == "Deployment":
        values["replicaCount"] = replicas or 1
        values["topologySpreadConstraints"] = _spread({"app": selector.get("app", name)})
    given = merged(common, fields.mapping("values") or {})
    _own_topology(fields, config, given)
    return {
        "name": name,
        "namespace": fields.name("namespace") or settings["namespace"],
        "chart": "gateway",
        "chart_version": version,
        "values": merged(values, given),
    }


def gateway_releases(gateways: Any, settings: Raw) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a Helm release for each gateway, and a sentence for everything that is wrong with them."""
    findings: list[str] = []
    if gateways in ([], ()):
        return [], ["istio_gateways is empty; without a gateway nothing is served"]
    found: list[dict[str, Any]] = []
    node_ports: dict[int, str] = {}
    for fields in dictionaries(gateways, "istio_gateways", findings, "gateways", "a gateway is a dictionary with at least a name"):
        release = _release(fields, settings)
        if any((other["name"], other["namespace"]) == (release["name"], release["namespace"]) for other in found):
            fields.report("another gateway has the same name and namespace")
        _report_missing_proxies(fields, release, settings)
        for port in release["values"]["service"].get("ports") or []:
            number = port.get("nodePort")
            if number in node_ports:
                fields.report(f"node port {number} is already that of gateway '{node_ports[number]}'")
            if number:
                node_ports[number] = release["name"]
        found.append(release)
    return found, findings


def _report_missing_proxies(fields: Fields, release: Raw, settings: Raw) -> None:
    """Report an entry of the ingress gateway that leaves out the proxies in front.

    Behind a proxy that it does not know the gateway would redirect for ever, or answer nothing at all.
    """
    # Before ansible-core 2.19 a number in a template becomes text.
    trusted, protocol = whole_number(settings.get("trusted_proxies")) or 0, bool(settings.get("proxy_protocol"))
    annotations = release["values"].get("podAnnotations") or {}
    known = any(key != PROXY_CONFIG or "gatewayTopology" in str(value) for key, value in annotations.items())
    if release["name"] == settings.get("ingress") and (trusted or protocol) and not known:
        fields.report(
            "it leaves out the proxies in front, but "
            f"edge_trusted_proxies is {trusted} and edge_proxy_protocol is {str(protocol).lower()}; "
            "write trusted_proxies and proxy_protocol into it"
        )


def _access_log(release: Raw, labels: Raw) -> dict[str, Any]:
    """Return the object by which the pods of a gateway log what they are asked, and no other pods do."""
    return {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": {"name": f"{release['name']}-access-log", "namespace": release["namespace"], "labels": dict(labels)},
        "spec": {
            "selector": {"matchLabels": dict(release["values"]["labels"])},
            "accessLogging": [{"providers": [{"name": ACCESS_LOG_PROVIDER}]}],
        },
    }


def istio_gateway_releases(gateways: Any, settings: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return a release and a workload for each gateway, and a Telemetry for each that logs requests."""
    found, findings = gateway_releases(gateways, settings)
    if findings:
        raise AnsibleFilterError("\n".join(findings))
    workloads = [{"kind": release["values"]["kind"], "name": release["name"], "namespace": release["namespace"]} for release in found]
    logs = [
        _access_log(release, settings.get("labels") or {})
        for gateway, release in zip(gateways, found, strict=True)
        if Fields(gateway, "", [], "").boolean("access_log", bool(settings.get("access_log")))
    ]
    return {"releases": found, "workloads": workloads, "access_logs": logs}
