# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads C(edge_egress): what users wrote becomes typed destinations, or a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw, dictionaries
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import list_finding, network_list, read_list

Options = dict[str, dict[str, Any]]

# The fields, in the form of an argument spec. A test compares this with the options that role common documents.
TLS: Options = {
    "mode": {"type": "str", "choices": ["SIMPLE", "MUTUAL", "NONE"], "default": "SIMPLE"},
    "credential": {"type": "str"},
    "ca_certificate": {"type": "str"},
    "sni": {"type": "str"},
    "subject_alt_names": {"type": "list", "elements": "str"},
}
EGRESS: Options = {
    "name": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "namespaces": {"type": "list", "elements": "str", "required": True},
    "port": {"type": "int"},
    "target_port": {"type": "int"},
    "tls": {"type": "dict", "options": TLS},
    "gateway": {"type": "bool", "default": True},
    "mtls": {"type": "bool"},
    "workload_selector": {"type": "dict"},
    "server": {"type": "str"},
}
# The values of role egress, for callers of the filter that give less; a test compares them.
DEFAULTS: dict[str, Any] = {
    "edge_cluster_domain": "cluster.local",
    "egress_namespace": "istio-egress",
    "egress_name": "istio-egress",
    "egress_selector": {"istio": "egress"},
    "egress_resources": {},
    "egress_values": {},
    "egress_closed_namespaces": "",
    "egress_network_policy": True,
    "egress_allowed_networks": [],
}
EVERY = "*"
# Beside the host, in names of objects.
_NAME_LIMIT = 54


@dataclass(frozen=True)
class Tls:
    """How TLS begins on the way out; mode NONE leaves it to the application."""

    mode: str = "SIMPLE"
    credential: str | None = None
    ca_certificate: str | None = None
    sni: str | None = None
    subject_alt_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Destination:
    """One entry of C(edge_egress), checked and completed."""

    name: str
    hosts: tuple[str, ...]
    namespaces: tuple[str, ...]
    port: int
    target_port: int
    tls: Tls = field(default_factory=Tls)
    gateway: bool = True
    mtls: bool = True
    workload_selector: Raw = field(default_factory=dict)
    server: str | None = None

    @property
    def passes_through(self) -> bool:
        """Whether the application speaks TLS itself."""
        return self.tls.mode == "NONE"

    @property
    def wildcard(self) -> bool:
        """Whether the one host is a wildcard."""
        return any(host.startswith("*.") for host in self.hosts)

    @property
    def credential(self) -> str | None:
        """The C(credentialName) of what begins TLS; None where the authorities of the image's operating system are trusted."""
        return self.tls.credential or (self.name if self.tls.ca_certificate else None)


@dataclass(frozen=True)
class Settings:
    """What the plan takes of role egress and of role common, checked."""

    namespace: str
    name: str
    selector: Raw
    cluster_domain: str
    closed_namespaces: tuple[str, ...] | None
    network_policy: bool
    allowed_networks: tuple[str, ...]


def _namespaces(fields: Fields, key: str) -> tuple[str, ...]:
    """Return names of namespaces, or C(*) for all."""
    found = fields.texts(key)
    named = Fields({entry: entry for entry in found if entry != EVERY}, fields.place, [], fields.title)
    for entry in named.raw:
        if named.name(entry) is None:
            fields.report(f"{key} has {entry!r}; each must be the name of a namespace, a DNS label, or '{EVERY}' for all of them")
    return tuple(dict.fromkeys(found))


def _tls(fields: Fields) -> Tls:
    at = fields.optional("tls")
    if at is None:
        return Tls()
    at.only(TLS)
    if at.raw.get("sni"):
        Fields({"sni": [at.raw["sni"]]}, at.place, at.findings, at.title).hosts("sni")
    tls = Tls(
        mode=at.choice("mode", TLS["mode"]["choices"]) or TLS["mode"]["default"],
        credential=at.name("credential"),
        ca_certificate=at.pem_certificate("ca_certificate"),
        sni=at.text("sni"),
        subject_alt_names=tuple(at.texts("subject_alt_names")),
    )
    if tls.mode == "NONE":
        for key in ("credential", "ca_certificate", "sni", "subject_alt_names"):
            if getattr(tls, key):
                at.report(f"{key} is for the modes SIMPLE and MUTUAL; with NONE the application speaks TLS itself, so remove it")
    if tls.mode == "MUTUAL" and not at.raw.get("credential"):
        at.report("mode is MUTUAL, and credential is missing; name the Secret with the certificate of the client and its key")
    return tls


def _ways(fields: Fields, found: Destination) -> None:
    """Report what does not go with the way that requests take: over the egress gateway, or from the sidecar itself."""
    given = {key for key, value in fields.raw.items() if value not in (None, "", {}, [])}
    if found.gateway and "workload_selector" in given:
        fields.report("workload_selector is for pods whose own sidecar begins TLS; set gateway to false, or remove it")
    if not found.gateway:
        for key in ("mtls", "server"):
            if key in given:
                fields.report(f"{key} is for the way over the egress gateway, and gateway is false; remove it")
        if EVERY in found.namespaces:
            fields.report(f"namespaces has '{EVERY}', and gateway is false; name the namespaces of the pods that begin TLS")
        if found.credential and not found.workload_selector:
            fields.report(
                "workload_selector is missing; without it Istio would ignore credential and ca_certificate, and send plain text. Give the "
                "labels of the pods that begin TLS"
            )
    if found.passes_through and "mtls" in given:
        fields.report("mtls is for the modes SIMPLE and MUTUAL; with NONE the application's own TLS passes through, so remove it")


def _wildcards(fields: Fields, found: Destination) -> None:
    """Report wildcards where no name can be looked up."""
    if not found.wildcard:
        if found.server:
            fields.report("server is for a wildcard; remove it, as each of hosts is looked up by its own name")
        return
    if len(found.hosts) > 1:
        fields.report(f"hosts has {len(found.hosts)} names and a wildcard among them; a wildcard needs an entry of its own")
    if not found.passes_through:
        fields.report("hosts has a wildcard, which needs tls.mode NONE: the application's own TLS then has the name of the server")
    elif found.gateway and not found.server:
        fields.report(
            "server is missing: the egress gateway cannot look up a wildcard, so name a host that answers for all of its names; or set "
            "gateway to false, and each sidecar looks up the name itself"
        )


def _destination(fields: Fields, cluster_domain: str) -> Destination:
    fields.only(EGRESS)
    tls = _tls(fields)
    selector = fields.mapping("workload_selector") or {}
    wrong = [key for key, value in selector.items() if not isinstance(value, str)]
    for key in wrong:
        fields.report(f"workload_selector.{key} is {selector[key]!r}; it must be text")
    if fields.raw.get("server"):
        Fields({"server": [fields.raw["server"]]}, fields.place, fields.findings, fields.title).hosts("server")
    if not fields.raw.get("namespaces"):
        fields.report(f"namespaces is missing or empty; name those whose pods may go there, or '{EVERY}' for all of them")
    found = Destination(
        name=fields.name("name", required=True, limit=_NAME_LIMIT) or "",
        hosts=tuple(fields.hosts("hosts")),
        namespaces=_namespaces(fields, "namespaces"),
        port=fields.integer("port", 1, 65535) or (443 if tls.mode == "NONE" else 80),
        target_port=fields.integer("target_port", 1, 65535) or 443,
        tls=tls,
        gateway=fields.boolean("gateway", EGRESS["gateway"]["default"]),
        mtls=fields.boolean("mtls", True),
        workload_selector=selector,
        server=fields.text("server"),
    )
    for host in found.hosts:
        if f".{host}".endswith(f".{cluster_domain}"):
            fields.report(f"hosts has '{host}', a name inside the cluster; mesh and Services bring requests there without an entry")
    _ways(fields, found)
    _wildcards(fields, found)
    return found


def _meet(one: Destination, other: Destination) -> bool:
    """Return whether the sidecars of one namespace get both."""
    both = {*one.namespaces, *other.namespaces}
    return EVERY in both or bool(set(one.namespaces) & set(other.namespaces)) or (one.gateway and other.gateway)


def _between(found: Sequence[tuple[Fields, Destination]]) -> None:
    """Report what two entries cannot share."""
    for index, (fields, one) in enumerate(found):
        for _fields, other in found[:index]:
            title = f"entry '{other.name}'"
            if one.name and one.name == other.name:
                fields.report(f"name '{one.name}' is already that of another entry")
                continue
            same = [host for host in one.hosts if host in other.hosts]
            if same and _meet(one, other):
                fields.report(f"host '{same[0]}' is already that of {title}")
            elif one.port == other.port and one.passes_through != other.passes_through and _meet(one, other):
                fields.report(f"port {one.port} is for HTTP or TLS here, and for the other of them in {title}; a sidecar takes one there")
            shared = one.credential and one.credential == other.credential
            if shared and one.tls.ca_certificate and other.tls.ca_certificate and one.tls.ca_certificate != other.tls.ca_certificate:
                fields.report(f"tls.credential '{one.credential}' has another ca_certificate in {title}; a credential has one authority")


def read_egress(value: Any, cluster_domain: str = "cluster.local") -> tuple[list[Destination], list[str]]:
    """Read C(edge_egress): the destinations, and a sentence for everything that is wrong with them."""
    findings: list[str] = []
    needs = "an entry is a dictionary with name, hosts and namespaces"
    found = [
        (fields, _destination(fields, cluster_domain)) for fields in dictionaries(value, "edge_egress", findings, "destinations", needs)
    ]
    _between(found)
    return [destination for _unused, destination in found], findings


def read_settings(raw: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """Read the settings, by the names of their variables."""
    findings: list[str] = []
    given = Fields({**DEFAULTS, **{key: value for key, value in raw.items() if value is not None}}, "", findings)
    given.only(DEFAULTS)
    selector = given.mapping("egress_selector") or {}
    if given.raw["egress_selector"] in ({}, ""):
        given.report("egress_selector is empty; it must have the labels of the egress gateway's pods")
    settings = Settings(
        namespace=given.name("egress_namespace", required=True) or "",
        name=given.name("egress_name", required=True) or "",
        selector={str(key): str(label) for key, label in selector.items()},
        cluster_domain=given.text("edge_cluster_domain", required=True) or "",
        closed_namespaces=None if given.raw["egress_closed_namespaces"] == "" else _closed(given),
        network_policy=given.boolean("egress_network_policy", True),
        allowed_networks=tuple(network_list(given.raw["egress_allowed_networks"], "egress_allowed_networks", findings)),
    )
    for variable in ("egress_resources", "egress_values"):
        given.mapping(variable)
    return settings, findings


def _closed(given: Fields) -> tuple[str, ...]:
    found = read_list(given.raw["egress_closed_namespaces"])
    if found is None:
        given.findings.append(list_finding(given.raw["egress_closed_namespaces"], "egress_closed_namespaces"))
    named = _namespaces(Fields({"egress_closed_namespaces": found or []}, "", given.findings), "egress_closed_namespaces")
    if EVERY in named:
        given.report(f"egress_closed_namespaces has '{EVERY}'; name them one by one, as each gets objects of its own")
    return tuple(name for name in named if name != EVERY)
