# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the settings that sites share, and the raw manifests beside them: values of C(edge_*) and of the roles' lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _webhook_rules as webhooks
from ansible_collections.baremesh.edge.plugins.plugin_utils._certificate_rules import MANIFEST_WORDS, Asked, key_problems, problems
from ansible_collections.baremesh.edge.plugins.plugin_utils._dns01 import expand_all
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, dictionaries
from ansible_collections.baremesh.edge.plugins.plugin_utils._gateways import Gateway, pod_labels, read_gateways, read_ports, taken_ports
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import Issuer, read_issuers
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import list_finding, read_list
from ansible_collections.baremesh.edge.plugins.plugin_utils._releases import MOST_PROXIES
from ansible_collections.baremesh.edge.plugins.plugin_utils._route_rules import virtual_service_problems
from ansible_collections.baremesh.edge.plugins.plugin_utils._schemas import is_of, judge, schema_of
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import ISTIO_API
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import LABELS, PRIVATE_KEY, read_private_key

Object = dict[str, Any]

# The values of the role common, for callers of the filter that give less; a test compares them.
DEFAULTS: dict[str, Any] = {
    "edge_email": "",
    "edge_api": "istio",
    "edge_gateway_namespace": "istio-ingress",
    "edge_gateway_selector": {"istio": "ingress"},
    "edge_gateway_port": 443,
    "edge_gateway_service": "istio-ingress",
    "edge_http_node_port": 30080,
    "edge_https_node_port": 30443,
    "edge_http_gateway": "edge-http",
    "edge_cluster_domain": "cluster.local",
    "edge_https_port": 443,
    "edge_trusted_proxies": 0,
    "edge_proxy_protocol": False,
}
# Raw manifests by variable.
MANIFESTS = {
    "certificate_certificates": ("cert-manager.io/v1", "Certificate"),
    "gateway_gateways": (ISTIO_API, "Gateway"),
    "gateway_virtual_services": (ISTIO_API, "VirtualService"),
    "gateway_destination_rules": (ISTIO_API, "DestinationRule"),
}
# What sites can become, the default first.
APIS = ("istio", "gateway")
# What judges the spec of a kind beside its schema.
SPEC_RULES = {
    "Certificate": (webhooks.certificate,),
    "Gateway": (webhooks.gateway,),
    "VirtualService": (webhooks.virtual_service, virtual_service_problems),
    "DestinationRule": (webhooks.destination_rule,),
}
# Versions with the same fields, in which older guides write what is applied in the present one.
_OLDER = {ISTIO_API: ("networking.istio.io/v1beta1", "networking.istio.io/v1alpha3")}
# Whose schemas judge a kind.
_COMPONENTS = {"Certificate": "cert_manager", "Gateway": "istio", "VirtualService": "istio", "DestinationRule": "istio"}
_LISTS = (
    *("cert_manager_issuers", "cert_manager_solvers", "edge_addresses", "edge_proxy_addresses", "gateway_route_namespaces"),
    *MANIFESTS,
)
KEYS = (
    *DEFAULTS,
    "edge_instance",
    "edge_gateways",
    "edge_gateway_ports",
    "certificate_private_key",
    "certificate_staging_first",
    "istio_version",
    "cert_manager_version",
    "istio_gateway_external_traffic_policy",
    *_LISTS,
)
# The schema of labels and annotations.
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}


@dataclass(frozen=True)
class Settings:
    """What the sites share, checked and completed."""

    namespace: str
    selector: Raw
    port: int
    http_gateway: str
    cluster_domain: str
    addresses: tuple[str, ...]
    https_port: int
    trusted_proxies: int
    proxy_protocol: bool
    proxy_addresses: tuple[str, ...]
    route_namespaces: tuple[str, ...]
    private_key: Raw
    issuers: Mapping[str, Issuer]
    manifests: Mapping[str, list[Object]]
    # All of them, the default one first; and the one for which this is, with the Service that it forwards challenges to.
    gateways: tuple[Gateway, ...] = ()
    gateway: str = ""
    solver: str = ""
    # Host name of the Service of the gateway pods.
    service: str = ""
    http_port: int = 80
    # What sites become: objects of Istio, or of the Gateway API.
    api: str = "istio"
    # Name of the installation, where it is not the namespace of the default gateway.
    instance: str = ""
    # Whether orders are tried at the staging directories of their authorities first.
    staging_first: bool = True

    @property
    def labels(self) -> dict[str, Any]:
        """Return the labels of the gateway's pods."""
        return pod_labels(self.service.partition(".")[0], self.selector)


def asked_by(manifest: Raw) -> Asked:
    """Return the certificate that a manifest asks for."""
    spec = manifest["spec"]
    key = spec.get("privateKey") or {}
    return Asked(
        hosts=tuple(spec.get("dnsNames") or ()),
        algorithm=key.get("algorithm") or "RSA",
        size=key.get("size"),
        duration=spec.get("duration"),
        renew_before=spec.get("renewBefore"),
        common_name=spec.get("commonName"),
        others=tuple(key for key in ("ipAddresses", "uris", "emailAddresses", "otherNames") if spec.get(key)),
        labels=(manifest.get("metadata") or {}).get("labels") or {},
        words=MANIFEST_WORDS,
    )


def issuer_of(manifest: Raw, issuers: Mapping[str, Issuer]) -> Issuer | None:
    """Return the issuer that a Certificate names, None where it is not one of ours."""
    reference = (manifest.get("spec") or {}).get("issuerRef") or {}
    issuer = issuers.get(reference.get("name") or "")
    ours = issuer and issuer.kind == (reference.get("kind") or "Issuer") and reference.get("group") in (None, "", "cert-manager.io")
    return issuer if ours else None


def _manifest(fields: Fields, namespace: str, api_version: str, kind: str, strict: bool) -> Object | None:
    """Complete a raw manifest, and label it so that it can be deleted when it is no longer in the list."""
    fields.choice("kind", (kind,))
    fields.choice("apiVersion", (api_version, *_OLDER.get(api_version, ())))
    fields.only(("apiVersion", "kind", "metadata", "spec", "status"), f"in a manifest of kind {kind}")
    before = len(fields.findings)
    spec = fields.nested("spec") if fields.raw.get("spec") is not None else Fields({}, f"{fields.place}.spec", fields.findings)
    if spec:
        for problem in judge(schema_of(kind), spec.raw, "", strict):
            spec.report(problem)
    metadata = fields.nested("metadata") if "metadata" in fields.raw else Fields({}, f"{fields.place}.metadata", fields.findings)
    if metadata:
        metadata.object_name("name", required=True)
        metadata.name("namespace")
    labels = metadata.mapping("labels") if metadata else None
    if metadata:
        texts = {key: metadata.raw[key] for key in ("labels", "annotations") if key in metadata.raw}
        for problem in judge({"additionalProperties": _TEXTS}, texts):
            metadata.report(problem)
    if not metadata or len(fields.findings) > before:
        return None
    return {
        **fields.raw,
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            **metadata.raw,
            "name": metadata.text("name"),
            "namespace": metadata.text("namespace") or namespace,
            "labels": {**(labels or {}), **LABELS},
        },
    }


def read_manifests(
    variable: str, value: Any, namespace: str, findings: list[str], issuers: Mapping[str, Issuer], strict: bool
) -> list[Object]:
    """Return the manifests of a list, with what they may leave out."""
    found: dict[tuple[str, str], Object] = {}
    for fields in dictionaries(value, variable, findings, "manifests", "it must be a manifest"):
        manifest = _manifest(fields, namespace, *MANIFESTS[variable], strict)
        if manifest is None:
            continue
        if manifest["kind"] == "Certificate" and manifest.get("spec"):
            findings += [f"{fields.place}.spec: {problem}" for problem in problems(asked_by(manifest), issuer_of(manifest, issuers))]
        for judge_spec in SPEC_RULES.get(manifest["kind"], ()) if manifest.get("spec") else ():
            findings += [f"{fields.place}.spec: {problem}" for problem in judge_spec(manifest["spec"])]
        key = (str(manifest["metadata"]["namespace"]), str(manifest["metadata"]["name"]))
        if key in found:
            findings.append(f"{fields.place}: metadata.name '{key[1]}' is already that of another one in namespace {key[0]}")
        found[key] = manifest
    return list(found.values())


def read_settings(raw: Raw) -> tuple[Settings, list[str]]:
    """Read the settings of a plan.

    Args:
        raw: Values by the names of their variables. What is missing has the value of role C(common).

    Returns:
        The settings, and a sentence for everything that is wrong with them.
    """
    findings: list[str] = []
    given = Fields({**DEFAULTS, **{key: value for key, value in raw.items() if value is not None}}, "", findings)
    given.only(KEYS)
    # Their findings depend on the sites, see proxy_findings.
    proxies = Fields(given.raw, "", [])
    namespace = given.name("edge_gateway_namespace", required=True) or ""
    key = given.nested("certificate_private_key") if "certificate_private_key" in given.raw else Fields(PRIVATE_KEY, "", findings)
    solvers = given.sequence("cert_manager_solvers") or [{"http01": {}}]
    strict = {component: is_of(component, given.text(f"{component}_version") or "") for component in ("istio", "cert_manager")}
    before = len(findings)
    shared, _tokens = expand_all(given, solvers, "cert_manager_solvers", "shared")
    given.fits("ClusterIssuer.acme.solvers", shared, strict["cert_manager"], "cert_manager_solvers")
    for index, solver in enumerate(shared if given.raw.get("cert_manager_solvers") and len(findings) == before else ()):
        findings += [f"cert_manager_solvers[{index}]{problem}" for problem in webhooks.solver(solver)]
    issuers, issuer_findings = read_issuers(
        given.raw.get("cert_manager_issuers", []), given.text("edge_email") or "", solvers, namespace, strict=strict["cert_manager"]
    )
    findings += issuer_findings
    private_key = read_private_key(key) if key else PRIVATE_KEY
    found = key_problems(private_key["algorithm"] or "RSA", private_key["size"], "certificate_private_key.size")
    findings += found
    selector, addresses = given.labels("edge_gateway_selector"), _texts(given, "edge_addresses")
    https_port = given.port("edge_https_port") or 0
    http, https = (proxies.integer(f"edge_{key}", 1, 65535) or 0 for key in ("http_node_port", "https_node_port"))
    port = given.port("edge_gateway_port") or 0
    tcp = read_ports(given.raw.get("edge_gateway_ports"), "edge_gateway_ports", findings, taken_ports(port, https_port))
    findings += [
        f"edge_gateway_ports: node_port {number} of port {each} is already edge_http_node_port or edge_https_node_port"
        for each, number in tcp
        if number in (http, https)
    ]
    gateways, gateway_findings = read_gateways(
        given.raw.get("edge_gateways", []), Gateway("", namespace, selector, addresses, http, https, https_port=https_port, tcp=tcp)
    )
    findings += gateway_findings
    release = given.name("edge_gateway_service") or ""
    service = f"{release}.{namespace}.svc.{given.raw['edge_cluster_domain']}"
    findings += [
        f"edge_gateways ({each.name}): name and namespace are those of the gateway of edge_gateway_service; choose another name"
        for each in gateways[1:]
        if (each.name, each.namespace) == (release, namespace)
    ]
    if not selector and not given.raw["edge_gateway_selector"]:
        given.report("edge_gateway_selector is empty; it must have a label of the gateway pods, such as {istio: ingress}")
    settings = Settings(
        namespace=namespace,
        selector=selector,
        port=port,
        http_gateway=given.object_name("edge_http_gateway") or "",
        cluster_domain=given.object_name("edge_cluster_domain", required=True) or "",
        addresses=addresses,
        solver=service,
        service=service,
        api=given.choice("edge_api", APIS) or APIS[0],
        https_port=https_port,
        gateways=tuple(gateways),
        trusted_proxies=proxies.integer("edge_trusted_proxies", 0, MOST_PROXIES) or 0,
        proxy_protocol=proxies.boolean("edge_proxy_protocol", False),
        proxy_addresses=_texts(given, "edge_proxy_addresses"),
        route_namespaces=_texts(given, "gateway_route_namespaces"),
        instance="" if given.raw.get("edge_instance") in (None, namespace) else str(given.raw["edge_instance"]),
        staging_first=proxies.boolean("certificate_staging_first", True),
        private_key=private_key,
        issuers=issuers,
        manifests={
            variable: read_manifests(variable, given.raw.get(variable, []), namespace, findings, issuers, strict[_COMPONENTS[kind]])
            for variable, (_version, kind) in MANIFESTS.items()
        },
    )
    return settings, findings


def _texts(given: Fields, variable: str) -> tuple[str, ...]:
    """Return the entries of a list, or of text that stands for one; whether an address can be one is the business of a preflight."""
    entries = read_list(given.raw.get(variable))
    if entries is None:
        given.findings.append(list_finding(given.raw[variable], variable))
    return tuple(map(str, entries or ()))
