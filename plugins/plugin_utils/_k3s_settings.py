# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the settings of a K3s node beside the names of its keys. Pure functions.

Some keys of K3s decide what the rest of the collection relies on: the cluster's domain, the range of NodePorts, the datastore.
They may be set, but must go together with the variables that other roles read.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.release import VERSION_FORM, VERSION_HELP
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.tokens import password
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number
from ansible_collections.baremesh.edge.plugins.plugin_utils._environment import environment_findings
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_keys import as_read, config_findings, entries_of, is_nested
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import dict_finding, list_finding, read_dict, read_list
from ansible_collections.baremesh.edge.plugins.plugin_utils._route_rules import regex_problems

Settings = Mapping[str, Any]

_PACKAGED_PARTS = ("coredns", "servicelb", "traefik", "local-storage", "metrics-server", "runtimes")
_MEANT = {
    **dict.fromkeys(("local-path", "local-path-provisioner", "storage"), "write 'local-storage'"),
    **dict.fromkeys(("metrics", "metricsserver"), "write 'metrics-server'"),
    **dict.fromkeys(("klipper", "klipper-lb", "svclb", "service-lb", "loadbalancer"), "write 'servicelb'"),
    **dict.fromkeys(("ingress", "traefik-crd"), "write 'traefik'"),
    **{
        name: f"set disable-{name}: true in k3s_server_config"
        for name in ("network-policy", "kube-proxy", "cloud-controller", "helm-controller", "scheduler")
    },
    "flannel": "set flannel-backend: none in k3s_server_config",
}
_TRUE = ("true", "t", "yes", "on", "1")
# What K3s takes for pods and Services if its configuration does not say, by the family of the Node's first address.
_DEFAULT_NETWORKS = {"cluster-cidr": ("10.42.0.0/16", "fd00:42::/56"), "service-cidr": ("10.43.0.0/16", "fd00:43::/112")}
# The range of NodePorts that Kubernetes has unless its configuration names another.
_NODE_PORTS = "30000-32767"
# Kubernetes refuses more addresses for Services.
_MOST_SERVICE_BITS = 20

# Keys of registries.yaml, level by level. "*" stands for the name of a registry; where a level ends, its value has one of the _FORMS.
_REGISTRIES: Mapping[str, Any] = {
    "mirrors": {"*": {"endpoint": "addresses", "rewrite": "texts"}},
    "configs": {
        "*": {
            "auth": dict.fromkeys(("username", "password", "auth", "identity_token", "identitytoken"), "text"),
            "tls": {**dict.fromkeys(("ca_file", "cert_file", "key_file"), "text"), "insecure_skip_verify": "switch"},
        }
    },
    "auths": "any",
}
_SCALAR = (str, int, float)
# Values may be passwords and are not shown.
_FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "any": (lambda _value: True, ""),
    "text": (lambda value: isinstance(value, _SCALAR), "must be text (its value is not shown)"),
    "switch": (lambda value: isinstance(value, bool), "must be true or false, without quotes"),
    "texts": (
        lambda value: isinstance(value, Mapping) and all(isinstance(text, _SCALAR) for text in value.values()),
        "must be a dictionary of regular expressions and what takes their place",
    ),
    "addresses": (
        lambda value: isinstance(value, (list, tuple)) and all(isinstance(entry, str) and entry for entry in value),
        "cannot be read: it must be a list of addresses such as https://registry.example.com:5000",
    ),
}
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^\s/:@\[\]]+)(:[0-9]+)?"
_REGISTRY = re.compile(rf"\*|{_HOST}")
_ENDPOINT = re.compile(rf"(?i)(https?://([^\s/@]*@)?)?{_HOST}(/(?!/)\S*)?")
_TOKEN = re.compile(r"(?!K10)[\s\S]*|\s*K10(([0-9A-Fa-f]{64})?::)?([^:\s]*:[^:\s]\S*|[a-z0-9]{6}\.[a-z0-9]{16})\s*")
# Fields of an image archive: what each must look like, and how that is said.
_ARCHIVE = {
    "url": (r"[A-Za-z][A-Za-z0-9+.-]*://\S+", "an address with its scheme, such as https://mirror.example.com/images.tar"),
    "checksum": (r"(sha256:)?[0-9A-Fa-f]{64}", "sha256: and 64 hex digits"),
    "name": (r"[^/]*", "the name of a file, without a folder"),
}
# Environment variables that K3s reads although the role decides what they say.
_OWNED_ENVIRONMENT = {
    "K3S_CONFIG_FILE": "k3s_server_config and k3s_agent_config",
    "K3S_DATA_DIR": "k3s_data_dir",
    "K3S_KUBECONFIG_OUTPUT": "write-kubeconfig in k3s_server_config",
    "K3S_URL": "k3s_server_host or k3s_server_url",
}
# On a server these are another way to k3s_token. An agent would use the token of servers, which the server does not take from it.
_OWNED_ON_AGENTS = dict.fromkeys(("K3S_TOKEN", "K3S_TOKEN_FILE"), "k3s_token")


def is_true(value: Any) -> bool:
    """Return whether K3s reads a value as true."""
    return str(value).strip().lower() in _TRUE


def own_config(settings: Settings, kind: str) -> dict[str, Any]:
    """Return the configuration that the user gives nodes of a kind, empty if it is not a dictionary."""
    return as_read(read_dict(settings.get(f"{kind}_config")) or {})


def with_etcd(settings: Settings) -> bool:
    """Return whether the first server must begin a cluster of etcd: others can join no other datastore than that or an external one."""
    config = own_config(settings, "server")
    external = any(config.get(key) for key in ("datastore-endpoint", "datastore-endpoint+"))
    return len(settings.get("servers") or ()) > 1 and not external and not settings.get("server_url")


def _flags(config: Settings, key: str) -> dict[str, str]:
    """Return the flags that a key like C(kube-apiserver-arg) gives a component."""
    entries = [str(entry) for name in (key, f"{key}+") for entry in entries_of(name, config.get(name, []))]
    return dict(entry.lstrip("-").partition("=")[::2] for entry in entries)


def _port_range(text: str) -> tuple[int, int] | None:
    """Return the first and last port of a range in one of Kubernetes's forms: a-b, a+offset, a."""
    match = re.fullmatch(r"([0-9]{1,5})(?:([-+])([0-9]{1,5}))?", text.strip())
    if match is None:
        return None
    first, sign, second = int(match.group(1)), match.group(2), int(match.group(3) or 0)
    last = {"-": second, "+": first + second}.get(sign, first)
    return (first, last) if 0 < first <= last <= 65535 else None


def _network_findings(config: Settings) -> list[str]:
    """Return what is wrong with the networks of pods and Services beside each other; others judge each alone."""
    given = {
        key: [str(entry) for name in (key, f"{key}+") for entry in entries_of(name, config.get(name, []))]
        for key in (*_DEFAULT_NETWORKS, "node-ip", "cluster-dns")
    }
    try:
        found = {key: [ipaddress.ip_network(entry, strict=False) for entry in entries] for key, entries in given.items()}
    except ValueError:
        return []
    nodes = {node.version for node in found["node-ip"]}
    six = bool(found["node-ip"]) and found["node-ip"][0].version == 6
    pods, services = (found[key] or [ipaddress.ip_network(defaults[six])] for key, defaults in _DEFAULT_NETWORKS.items())
    names = [
        f"{key} {', '.join(map(str, networks))}{'' if found[key] else ' (the default)'}"
        for key, networks in zip(_DEFAULT_NETWORKS, (pods, services))
    ]
    both, families = f"k3s_server_config has {' and '.join(names)}", [{each.version for each in networks} for networks in (pods, services)]
    # Where the configuration names no address, the host alone knows by which family K3s chooses.
    known = (
        bool(nodes) or all(found[key] for key in _DEFAULT_NETWORKS) or len(families[0] | families[1]) > len(families[0] & families[1]) > 0
    )
    sentences = []
    if known and families[0] != families[1]:
        sentences.append(f"{both}: both must be IPv4, IPv6 or one of each.")
    if nodes and found["cluster-cidr"] and not families[0] <= nodes:
        sentences.append(
            f"k3s_server_config has {names[0]}, but node-ip {', '.join(given['node-ip'])}: it must have an address of each family."
        )
    if any(pod.overlaps(service) for pod in pods for service in services if pod.version == service.version):
        sentences.append(f"{both}, which overlap: choose networks that do not.")
    for service in services:
        least = service.max_prefixlen - _MOST_SERVICE_BITS
        if service.prefixlen < least:
            sentences.append(f"k3s_server_config has service-cidr {service}: its prefix must be at least /{least}.")
    return sentences + [
        f"k3s_server_config has cluster-dns {dns.network_address}, which is not in {names[1]}: choose an address there, or remove the key."
        for dns in found["cluster-dns"]
        if (found["service-cidr"] or dns.version == 4) and not any(dns.version == each.version and each.overlaps(dns) for each in services)
    ]


def _dictionaries(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in read_list(value) or () if isinstance(entry, Mapping)]


def _node_ports(settings: Settings) -> dict[str, Any]:
    """Return each NodePort by the name of what asks for it, those of gateways and host ports that users wrote themselves among them."""
    found = dict(settings.get("node_ports") or {})
    known = {str(port) for port in found.values()}
    lists: list[tuple[str, Any, str]] = [("host_ports_ports", settings.get("host_ports_ports"), "node_port")]
    for gateway in _dictionaries(settings.get("istio_gateways")):
        place = f"istio_gateways ({gateway.get('name')})"
        values = read_dict(gateway.get("values")) or {}
        lists += [
            (f"{place}.ports", gateway.get("ports"), "node_port"),
            (f"{place}.values.service.ports", (read_dict(values.get("service")) or {}).get("ports"), "nodePort"),
        ]
    for place, ports, key in lists:
        for port in _dictionaries(ports):
            if port.get(key) and str(port[key]) not in known:
                found[f"{place} ({port.get('port')}).{key}"] = port[key]
    return found


def _server_findings(settings: Settings, config: Settings) -> list[str]:
    found = []
    domain = config.get("cluster-domain") or _flags(config, "kubelet-arg").get("cluster-domain")
    ours = settings.get("cluster_domain")
    if domain and ours and str(domain) != str(ours):
        found.append(f"k3s_server_config has cluster-domain {domain!r}, but edge_cluster_domain is {ours!r}: make them equal.")
    given = _flags(config, "kube-apiserver-arg").get("service-node-port-range") or config.get("service-node-port-range")
    text = str(given or _NODE_PORTS)
    if (ports := _port_range(text)) is None:
        found.append(f"k3s_server_config has service-node-port-range {given!r}: it must have the form {_NODE_PORTS}.")
    else:
        origin = "of k3s_server_config" if given else "(the default)"
        found += [
            f"{name} is {port}, which is not in service-node-port-range {text} {origin}: choose a port in that range."
            for name, port in _node_ports(settings).items()
            if (number := whole_number(port)) is not None and not ports[0] <= number <= ports[1]
        ]
    found += _network_findings(config)
    if config.get("agent-token") and password(str(config["agent-token"])) == password(str(settings.get("token") or "")):
        found.append(
            "k3s_server_config has agent-token with the value of k3s_token: give it another, or remove the key (the role makes one); "
            "agents must not know the token of servers."
        )
    if "cluster-init" in config and not is_true(config["cluster-init"]) and with_etcd(settings):
        found.append(
            f"k3s_server_config has cluster-init {config['cluster-init']!r} with {len(settings['servers'])} servers: "
            "remove the key (the role sets it), or set datastore-endpoint; other servers cannot join SQLite."
        )
    return found


def _registries_findings(value: Any, known: Mapping[str, Any], place: str = "k3s_registries") -> list[str]:
    if not isinstance(value, Mapping):
        # Below "configs" it may be a password that lacks its key.
        shown = f"is {value!r}: it must" if place.startswith("k3s_registries.mirrors") else "must"
        keys = "names of registries, such as docker.io, as keys" if "*" in known else f"the keys {', '.join(known)}"
        return [f"{place} {shown} be a dictionary with {keys}."]
    found = []
    for key, below in value.items():
        inside, level = f"{place}.{key}", known.get(key, known.get("*"))
        if level is None:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]!r}? K3s takes" if close else "K3s takes"
            found.append(f"{place} has the key {key!r}, which K3s ignores: {hint} {', '.join(known)}.")
        elif "*" in known and not _REGISTRY.fullmatch(str(key)):
            found.append(
                f"{place} has the registry {key!r}, which no image names: write its host and port alone, such as docker.io or r:5000."
            )
        elif isinstance(level, str) and below is not None:
            fits, sentence = _FORMS[level]
            found += _endpoint_findings(inside, below) if fits(below) and key == "endpoint" else []
            found += [] if fits(below) else [f"{inside} {sentence}."]
            patterns = below if key == "rewrite" and fits(below) else ()
            found += [
                f"{inside} has {pattern!r}: it must be a regular expression (RE2)."
                for pattern in patterns
                if any(regex_problems(str(pattern)))
            ]
        elif below is not None:
            found += _registries_findings(below, level, inside)
    return found


def _endpoint_findings(place: str, endpoints: Sequence[str]) -> list[str]:
    return [
        f"{place} has {entry!r}: each entry must be an address such as https://registry.example.com:5000."
        for entry in endpoints
        if not _ENDPOINT.fullmatch(entry)
    ]


def _archive_findings(value: Any) -> list[str]:
    """Return what is wrong with k3s_image_archives."""
    entries = read_list(value)
    if entries is None:
        return [list_finding(value, "k3s_image_archives")]
    found = []
    for index, entry in enumerate(map(read_dict, entries)):
        place = f"k3s_image_archives[{index}]"
        if not entry:
            found.append(f"{place} is {entries[index]!r}: it must be a dictionary with url and checksum.")
            continue
        found += [f"{place} has the key {key!r}: it may have url, checksum and name." for key in entry if key not in _ARCHIVE]
        found += [
            f"{place}.{key} is {entry.get(key)!r}: it must be {expected}."
            for key, (form, expected) in _ARCHIVE.items()
            if not re.fullmatch(form, str(entry.get(key) or ""))
        ]
    return found


def settings_findings(settings: Settings, kind: str) -> list[str]:
    """Return what is wrong with the settings of k3s_plan for nodes of a kind, C(server) or C(agent), one sentence each."""
    extra = read_list(settings.get("extra_config_keys"))
    config = settings.get(f"{kind}_config") or {}
    found = config_findings(config, kind, [str(key) for key in extra or ()])
    for key, variable in (("extra_config_keys", "k3s_extra_config_keys"), ("disable", "k3s_disable")):
        entries = read_list(settings.get(key))
        if entries is None:
            found.append(list_finding(settings[key], variable))
        found += [f"{variable} has {entry!r}: each entry must be a name." for entry in entries or () if is_nested(entry)]
    version = str(settings["version"])
    if VERSION_FORM.match(version) is None:
        found.append(f"k3s_version is {version!r}: it must have the form {VERSION_HELP}.")
    if kind == "server":
        found += _server_findings(settings, own_config(settings, kind))
    found += [dict_finding(settings[key], f"k3s_{key}") for key in ("registries", "environment") if read_dict(settings.get(key)) is None]
    found += _registries_findings(read_dict(settings.get("registries")) or {}, _REGISTRIES)
    found += _archive_findings(settings.get("image_archives"))
    own = own_config(settings, kind)
    tokens = {"k3s_token": settings.get("token"), **{f"k3s_{kind}_config.{key}": own.get(key) for key in ("token", "agent-token")}}
    found += [
        f"{name} cannot be a token (its value is not shown): it must be a password, or K10<hash of the CA>::<user>:<password>."
        for name, token in tokens.items()
        if isinstance(token, (Mapping, list, tuple)) or not _TOKEN.fullmatch(str(token or ""))
    ]
    if not settings.get("server_known", True):
        found.append(f"k3s_server_host is {settings['server_host']!r}: it must be a host of the inventory.")
    environment, variable = read_dict(settings.get("environment")) or {}, settings.get("environment_variable", "k3s_environment")
    found += environment_findings(environment, variable)
    owned = {**_OWNED_ENVIRONMENT, **(_OWNED_ON_AGENTS if kind == "agent" else {})}
    return found + [f"{variable} has {name}, which the role decides itself: use {owned[name]}." for name in environment if name in owned]


def _node_port_networks(config: Settings) -> str | None:
    """Return the networks that kube-proxy limits NodePorts to, or C(None) if it opens them on all."""
    text = _flags(config, "kube-proxy-arg").get("nodeport-addresses")
    if not text:
        return None
    try:
        all_of_them = any(ipaddress.ip_network(entry.strip()).prefixlen == 0 for entry in text.split(","))
    except ValueError:
        return text
    return None if all_of_them else text


def _endpoints_without_scheme(registries: Mapping[str, Any]) -> Sequence[str]:
    mirrors = registries.get("mirrors")
    return [
        f"k3s_registries.mirrors.{name} has the endpoint {entry!r} without a scheme, for which K3s takes https and port 443: "
        f"write https://{entry} or the address that you mean."
        for name, mirror in (mirrors.items() if isinstance(mirrors, Mapping) else ())
        if isinstance(mirror, Mapping) and isinstance(mirror.get("endpoint"), (list, tuple))
        for entry in mirror["endpoint"]
        if isinstance(entry, str) and "://" not in entry
    ]


def _disabled_warnings(value: Any) -> list[str]:
    """Return a sentence for each entry of k3s_disable by which people mean something else; manifests of their own may be there too."""
    found = []
    for entry in map(str, read_list(value) or ()):
        name = entry.lower().replace("_", "-")
        meant = f"write {name!r}" if name in _PACKAGED_PARTS else _MEANT.get(name)
        if meant and entry not in _PACKAGED_PARTS:
            found.append(f"k3s_disable has {entry!r}, which is no part that K3s packages ({', '.join(_PACKAGED_PARTS)}): {meant}.")
    return found


def settings_warnings(settings: Settings) -> list[str]:
    """Return what K3s accepts of the settings of k3s_plan and people may not mean, one sentence each."""
    found = []
    server = own_config(settings, "server")
    servers = len(settings.get("servers") or ())
    if with_etcd(settings) and servers % 2 == 0:
        found.append(
            f"there are {servers} servers: etcd needs more than half of them, so {servers} bear the loss of no more servers than "
            f"{servers - 1} do; use an odd number."
        )
    if is_true(server.get("disable-kube-proxy")):
        found.append(
            "k3s_server_config has disable-kube-proxy: the gateway's NodePorts, to which host_ports forwards, exist only if what takes "
            "kube-proxy's place provides them."
        )
    for kind in ("server", "agent"):
        networks = _node_port_networks(own_config(settings, kind))
        if networks:
            found.append(
                f"k3s_{kind}_config limits NodePorts to {networks} (nodeport-addresses): host ports answer only at addresses in them."
            )
    found += _endpoints_without_scheme(read_dict(settings.get("registries")) or {})
    return found + _disabled_warnings(settings.get("disable"))
