# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a K3s node needs on its host: configuration, unit and files, derived from the variables of the role k3s. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.tokens import is_bootstrap
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_keys import SECRET_KEYS
from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_settings import is_true, own_config, settings_findings, with_etcd
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import read_dict, read_list

Settings = Mapping[str, Any]

_CONFIG_DIR = "/etc/rancher/k3s"
_KUBECONFIG = f"{_CONFIG_DIR}/k3s.yaml"
_AGENT_TOKEN = f"{_CONFIG_DIR}/agent-token"
_CLUSTER_DOMAIN = "cluster.local"
_DATA_DIR = "/var/lib/rancher/k3s"
_REGISTRY_SECRET_KEYS = ["auth", "identity_token", "identitytoken", "password", "token"]
# UDP ports of flannel, by its backend.
_BACKEND_PORTS = {"vxlan": ["8472"], "wireguard-native": ["51820", "51821"]}
# The keys that name the address of a server.
_ADDRESS_KEYS = ("advertise-address", "node-external-ip", "node-ip", "flannel-iface", "https-listen-port", "supervisor-port")


def _token(settings: Settings) -> str:
    """Return the token that the node joins with.

    An agent gets what its server has for agents, also where k3s_token is that of servers, unless it is given a bootstrap token or one for
    another cluster.
    """
    given, join = str(settings.get("token") or ""), settings.get("join") or {}
    fits = join.get("given_token_fits")
    if settings["kind"] == "agent" and join and not is_bootstrap(given) and (fits or not settings.get("server_url")):
        given = ""
    return given or str(join.get("token") or "")


def _own_agent_token(settings: Settings, own: Settings, joins: bool) -> bool:
    """Return whether the role gives a server the token of agents: a new one to the first, and the same to those that join it."""
    given = {str(key).removesuffix("+") for key in own} & {"agent-token", "agent-token-file"}
    return settings["kind"] == "server" and not given and (not joins or bool((settings.get("join") or {}).get("agent_token")))


def _join_findings(settings: Settings, joins: bool, token: str) -> list[str]:
    host, server_host = settings["host"], settings["server_host"]
    join = settings.get("join") or {}
    if host != server_host and not settings.get("server_url") and join.get("given_token_fits") is False:
        return [
            f"k3s_token of {host} is not a token of {server_host}: correct it, or leave it empty so that the role reads it on the server."
        ]
    if joins and not token:
        file = f"{settings['data_dir']}/server/{'agent-token' if settings['kind'] == 'agent' else 'token'}"
        alone = "in a play or batch of its own, as `serial: 1` does"
        first = f"run the role k3s there first ({alone})"
        return [f"{server_host} has no token for {settings['kind']}s in {file}: {first}, or set k3s_server_url and k3s_token."]
    return []


def cluster_ports(settings: Settings, kind: str, first: Settings) -> dict[str, list[str]]:
    """Return the TCP and UDP ports of a host that the other hosts of the cluster need, and nothing else does.

    Args:
        settings: As k3s_plan takes them.
        kind: C(server) or C(agent).
        first: The configuration of the first server.
    """
    own = own_config(settings, kind)
    tcp = ["10250"] + ["5001"] * is_true(first.get("embedded-registry", ""))
    if kind == "server":
        tcp += [str(own.get(key)) for key in ("https-listen-port", "supervisor-port", "apiserver-port") if own.get(key)] or ["6443"]
        tcp += ["2379-2380"] * (is_true(own.get("cluster-init", "")) or with_etcd(settings) or "server" in own)
    return {"tcp": sorted(set(tcp), key=tcp.index), "udp": _BACKEND_PORTS.get(str(first.get("flannel-backend") or "vxlan"), [])}


def _firewall(settings: Settings, kind: str, first: Settings) -> dict[str, list[str]] | None:
    """Return what the other hosts of the cluster must reach on this one, None if firewalls are left alone."""
    if not is_true(settings.get("firewall", True)):
        return None
    hosts = read_list(settings.get("firewall_sources")) or []
    # Without a tunnel a host reaches pods of another under its own address.
    routed = str(first.get("flannel-backend") or "vxlan") == "host-gw"
    return {
        "sources": hosts,
        "networks": (read_list(settings.get("networks")) or []) + hosts * routed,
        **cluster_ports(settings, kind, first),
    }


def k3s_plan(settings: Settings) -> dict[str, Any]:
    """Derive what a node needs.

    Args:
        settings: Values of the role's variables: `kind`, `host`, `server_host`, `server_url`, `token`, `version`, `server_config`,
            `agent_config`, `extra_config_keys`, `first_server_config`, `data_dir`, `disable`, `registries`, `environment`,
            `firewall`, `firewall_sources`, `networks`, `servers`, `cluster_domain` and `node_ports` (values by name of their
            variables); and `join`, the result of the module k3s_info on the first server.

    Returns:
        `findings` and `join_findings`, a sentence for each thing that is wrong; `joins`, whether the node joins another; `name`,
        the Node's name as far as it is given; `unit` and `unit_path`; `kubeconfig`, by which the host asks the API;
        `server_kubeconfig`, by which the first server does; `has_node`, whether a kubelet runs there; `firewall`, what to open
        between the hosts; `token`, with which it joins;
        `agent_token`, the one that a server asks of agents: a text, true for one that the host makes, or None to leave it as it is;
        `config`, the content of config.yaml; `secret`, whether that holds one; `registries` and `environment`;
        `address_config`, what the first server's configuration says about its address; `files_at_start`, what K3s reads only then.
    """
    kind = settings["kind"]
    own = own_config(settings, kind)
    first = read_dict(settings.get("first_server_config")) or {}
    join = settings.get("join") or {}
    joins = kind == "agent" or settings["server_host"] != settings["host"]
    token = _token(settings)
    own_agent_token = _own_agent_token(settings, own, joins)
    disable = read_list(settings.get("disable"))
    config: dict[str, Any] = {}
    if settings["data_dir"] != _DATA_DIR:
        config["data-dir"] = settings["data_dir"]
    if joins:
        # A server may be known under another address than Ansible uses, so K3s's own is read on the server.
        config["server"] = settings.get("server_url") or join.get("url") or ""
    if joins or settings.get("token"):
        config["token-file"] = f"{_CONFIG_DIR}/token"
    if kind == "server":
        config["write-kubeconfig-mode"] = "0600"
        if own_agent_token:
            config["agent-token-file"] = _AGENT_TOKEN
        if disable:
            config["disable"] = disable
        if settings.get("cluster_domain", _CLUSTER_DOMAIN) != _CLUSTER_DOMAIN:
            config["cluster-domain"] = settings["cluster_domain"]
        if not joins and with_etcd(settings):
            config["cluster-init"] = True
    if own.get("log"):
        # With a log file K3s writes to that alone, and the reason of a failed start would be missing in the journal.
        config["alsologtostderr"] = True
    unit = "k3s" if kind == "server" else "k3s-agent"
    unit_path = f"/etc/systemd/system/{unit}.service"
    return {
        "findings": settings_findings(settings, kind),
        "join_findings": _join_findings(settings, joins, token),
        "joins": joins,
        "name": str(own.get("node-name") or ""),
        "unit": unit,
        "unit_path": unit_path,
        "kubeconfig": own.get("write-kubeconfig") or _KUBECONFIG
        if kind == "server"
        else f"{settings['data_dir']}/agent/kubelet.kubeconfig",
        "has_node": not is_true(own.get("disable-agent", "")),
        "firewall": _firewall(settings, kind, first),
        "server_kubeconfig": first.get("write-kubeconfig") or _KUBECONFIG,
        "token": token,
        "agent_token": (str(join["agent_token"]) if joins else True) if own_agent_token else None,
        "config": {**config, **own},
        "secret": any(str(key).removesuffix("+") in SECRET_KEYS for key in own),
        "address_config": {key: value for key, value in first.items() if key in _ADDRESS_KEYS},
        "registries": read_dict(settings.get("registries")) or {},
        "environment": read_dict(settings.get("environment")) or {},
        "files_at_start": [
            f"{_CONFIG_DIR}/config.yaml",
            f"{_CONFIG_DIR}/config.yaml.d",
            f"{_CONFIG_DIR}/registries.yaml",
            f"{_CONFIG_DIR}/token",
            *[_AGENT_TOKEN] * (kind == "server"),
            unit_path,
            f"{unit_path}.env",
            f"/etc/default/{unit}",
            f"/etc/sysconfig/{unit}",
        ],
    }


def k3s_service_options(node: Settings, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the option C(service) of the module k3s_service.

    Args:
        node: What k3s_plan returned.
        texts: Rendered templates: `config`, `unit`, `registries` and `environment`.
    """
    config, registries, environment = f"{_CONFIG_DIR}/config.yaml", f"{_CONFIG_DIR}/registries.yaml", f"{node['unit_path']}.env"
    files: list[dict[str, Any]] = [
        {"path": config, "hide": sorted(SECRET_KEYS), "secret" if node["secret"] else "content": texts["config"]},
        {"path": node["unit_path"], "mode": "0644", "content": texts["unit"]},
    ]
    absent: list[str] = []
    if node["token"]:
        files.append({"path": f"{_CONFIG_DIR}/token", "secret": node["token"]})
    if node["agent_token"]:
        made = node["agent_token"] is True
        files.append({"path": _AGENT_TOKEN, **({"random": True} if made else {"secret": f"{node['agent_token']}\n"})})
    elif node["unit"] == "k3s":
        absent.append(_AGENT_TOKEN)
    if node["registries"]:
        files.append({"path": registries, "hide": _REGISTRY_SECRET_KEYS, "secret": texts["registries"]})
    else:
        absent.append(registries)
    if node["environment"]:
        files.append({"path": environment, "secret": texts["environment"]})
    else:
        absent.append(environment)
    return {
        "name": node["unit"],
        "configuration": files,
        "absent": absent,
        "firewall": node["firewall"],
        "files": node["files_at_start"],
        "node_name": node["name"] or None,
        "kubeconfig": node["kubeconfig"],
        "node": node["has_node"],
    }
