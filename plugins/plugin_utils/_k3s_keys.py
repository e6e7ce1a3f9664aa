# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys K3s's configuration file may have, and what is wrong with a given one.

K3s itself is no judge of this: its server skips a misspelt key with a warning, its agent dies of one.
The lists follow https://docs.k3s.io/cli/server and https://docs.k3s.io/cli/agent, and hold the hidden flags of K3s's source too.
A release may know more: C(k3s_extra_config_keys) names what these lists do not hold.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import found_value, is_address, is_network, read_dict


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Both kinds of node take these.
BOTH_KEYS = _words("""
    token token-file server data-dir bind-address
    debug v vmodule log alsologtostderr
    node-name with-node-id node-label node-taint image-credential-provider-bin-dir image-credential-provider-config
    protect-kernel-defaults selinux lb-server-port
    docker container-runtime-endpoint default-runtime image-service-endpoint disable-default-registry-endpoint nonroot-devices
    pause-image snapshotter private-registry airgap-extra-registry
    node-ip node-external-ip node-internal-dns node-external-dns resolv-conf flannel-iface flannel-conf flannel-cni-conf
    vpn-auth vpn-auth-file
    kubelet-arg kube-proxy-arg
    rootless prefer-bundled-bin enable-pprof
""")

SERVER_KEYS = _words("""
    https-listen-port supervisor-port apiserver-port apiserver-bind-address advertise-address advertise-port tls-san tls-san-security
    default-local-storage-path
    write-kubeconfig write-kubeconfig-mode write-kubeconfig-group helm-job-image helm-controller-arg
    cluster-cidr service-cidr service-node-port-range cluster-dns cluster-domain flannel-backend flannel-ipv6-masq
    flannel-external-ip egress-selector-mode servicelb-namespace
    agent-token agent-token-file cluster-init cluster-reset cluster-reset-restore-path
    etcd-arg kube-apiserver-arg kube-controller-manager-arg kube-scheduler-arg kube-cloud-controller-manager-arg
    datastore-endpoint datastore-cafile datastore-certfile datastore-keyfile kine-tls
    etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-name etcd-snapshot-schedule-cron etcd-snapshot-retention
    etcd-snapshot-dir etcd-snapshot-compress etcd-snapshot-reconcile-interval
    etcd-s3 etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-skip-ssl-verify etcd-s3-access-key etcd-s3-secret-key etcd-s3-bucket
    etcd-s3-session-token etcd-s3-bucket-lookup-type etcd-s3-region etcd-s3-folder etcd-s3-proxy etcd-s3-config-secret
    etcd-s3-insecure etcd-s3-timeout etcd-s3-retention
    disable disable-scheduler disable-cloud-controller disable-kube-proxy disable-network-policy disable-helm-controller
    embedded-registry supervisor-metrics secrets-encryption secrets-encryption-provider system-default-registry
    disable-agent disable-apiserver disable-controller-manager disable-etcd
""")

AGENT_KEYS = _words("disable-apiserver-lb")

SECRET_KEYS = _words("token agent-token datastore-endpoint etcd-s3-access-key etcd-s3-secret-key etcd-s3-session-token vpn-auth")

_GONE: Mapping[str, str] = {
    "no-flannel": "flannel-backend: none",
    "no-deploy": "k3s_disable",
    "cluster-secret": "token",
    "disable-selinux": "selinux",
    "kube-controller-arg": "kube-controller-manager-arg",
    "kube-cloud-controller-arg": "kube-cloud-controller-manager-arg",
}

# The role decides these from its own variables; a second source would contradict it.
_OWNED: Mapping[str, str] = {
    "data-dir": "k3s_data_dir",
    "token-file": "k3s_token",
    "server": "k3s_server_host or k3s_server_url",
    "disable": "k3s_disable",
    "cluster-reset": "no variable: it is a command for a person, not a setting",
    "cluster-reset-restore-path": "no variable: it is a command for a person, not a setting",
}


# Parts that K3s packages: people turn them off with a key of their own name, which K3s never had.
_PACKAGED = re.compile(r"(?:(disable|enable|no|skip|with|without)-)?(traefik|servicelb|local-storage|metrics-server|coredns|runtimes)")

# No hint may suggest a key that stops or wipes part of a server, or all of its containers.
_HARMFUL = re.compile(r"disable|cluster-reset|rootless|^docker$")

# What YAML makes of unquoted modes such as 0600.
_OCTAL = {int(mode, 8): mode for mode in ("0400", "0440", "0444", "0600", "0604", "0640", "0644", "0660", "0664", "0666")}

# One letter, as on the command line. What reads the configuration here asks for the long names.
_SHORT: Mapping[str, str] = {"d": "data-dir", "i": "node-ip", "l": "log", "o": "write-kubeconfig", "s": "server", "t": "token"}

_SWITCHES = _words("""
    debug alsologtostderr with-node-id protect-kernel-defaults selinux docker disable-default-registry-endpoint nonroot-devices
    rootless prefer-bundled-bin enable-pprof disable-apiserver-lb
    tls-san-security flannel-ipv6-masq flannel-external-ip cluster-init kine-tls
    etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-compress etcd-s3 etcd-s3-skip-ssl-verify etcd-s3-insecure
    disable-scheduler disable-cloud-controller disable-kube-proxy disable-network-policy disable-helm-controller
    embedded-registry supervisor-metrics secrets-encryption
    disable-agent disable-apiserver disable-controller-manager disable-etcd
""")

# Keys whose text may hold several entries between commas. K3s takes the text of others as one.
_MANY = _words("cluster-cidr service-cidr cluster-dns node-ip node-external-ip node-label node-taint tls-san")

# Labels of Kubernetes's own domains that a kubelet may give itself; it does not start with others.
_OWN_LABEL = re.compile(
    r"((beta\.)?kubernetes\.io/(arch|os|instance-type|hostname)|topology\.kubernetes\.io/(zone|region)|"
    r"failure-domain\.beta\.kubernetes\.io/(zone|region)|([^/=]+\.)?(kubelet|node)\.kubernetes\.io/[^=]*)="
)
_KUBERNETES_LABEL = re.compile(r"([^/=]+\.)?(kubernetes|k8s)\.io/")


def _pattern(text: str) -> Callable[[str], Any]:
    return re.compile(text, re.DOTALL).fullmatch


# What K3s or the kubelet takes as a value, by key: whether an entry of the value is right, and how that is said.
_VALUES: Mapping[str, tuple[Callable[[str], Any], str]] = {
    # As Go reads them.
    **dict.fromkeys(_SWITCHES, (_pattern("1|t|T|true|TRUE|True|0|f|F|false|FALSE|False"), "true or false")),
    **dict.fromkeys(
        _words("https-listen-port supervisor-port apiserver-port advertise-port lb-server-port"),
        (lambda text: whole_number(text) in range(65536), "a port up to 65535"),
    ),
    **dict.fromkeys(
        _words("cluster-cidr service-cidr"),
        (lambda text: is_network(text) and re.search(r"/[0-9]{1,3}$", text), "a network such as 10.42.0.0/16"),
    ),
    **dict.fromkeys(
        _words("cluster-dns node-ip node-external-ip bind-address advertise-address apiserver-bind-address"),
        (is_address, "an IP address"),
    ),
    **dict.fromkeys(_words("etcd-snapshot-retention etcd-s3-retention v"), (_pattern("[0-9]+"), "a whole number")),
    **dict.fromkeys(
        _words("etcd-s3-timeout etcd-snapshot-reconcile-interval"),
        (_pattern(r"0|([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+"), "a duration such as 30s or 5m"),
    ),
    **dict.fromkeys(
        (key for key in BOTH_KEYS | SERVER_KEYS if key.endswith("-arg")),
        (_pattern(r"(--)?[A-Za-z0-9][\w.-]*\+?(=.*)?"), "a flag such as max-pods=200"),
    ),
    "egress-selector-mode": (_pattern("agent|cluster|pod|disabled"), "agent, cluster, pod or disabled"),
    "etcd-s3-bucket-lookup-type": (_pattern("auto|dns|path"), "auto, dns or path"),
    "etcd-snapshot-schedule-cron": (
        _pattern(r"((CRON_)?TZ=\S+ +)?(@every \S+|@[a-z]+|\S+( +\S+){4})"),
        "five fields such as 0 */12 * * *, or @daily",
    ),
    # The old ones have a sentence of their own.
    "flannel-backend": (
        _pattern("none|vxlan|host-gw|wireguard-native|tailscale|wireguard|ipsec"),
        "none, vxlan, host-gw or wireguard-native",
    ),
    "node-label": (_pattern(r"[^\s=]+=\S*"), "a label such as key=value"),
    "node-name": (_pattern("(?i)[a-z0-9]([-.a-z0-9]*[a-z0-9])?"), "a name of letters, digits, '-' and '.'"),
    "node-taint": (_pattern(r"[^\s=:]+(=[^\s=:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)"), "a taint such as key=value:NoSchedule"),
    "secrets-encryption-provider": (_pattern("aescbc|secretbox"), "aescbc or secretbox"),
    "tls-san": (lambda text: is_address(text) or _pattern(r"[^\s/:]+")(text), "an address or a name, without scheme and port"),
    "write-kubeconfig": (_pattern("/.*"), "an absolute path"),
    "write-kubeconfig-mode": (_pattern("[0-7]{3,4}"), 'an octal mode such as "0640"'),
}


def allowed_keys(kind: str) -> frozenset[str]:
    """Return the keys that a node of this kind takes, C(server) or C(agent)."""
    return BOTH_KEYS | (SERVER_KEYS if kind == "server" else AGENT_KEYS)


def _key_finding(key: str, kind: str, variable: str, extra: Collection[str]) -> str | None:
    allowed = allowed_keys(kind)
    plain = key.removesuffix("+")
    extra = {name.lstrip("-").removesuffix("+") for name in extra}
    if plain in _OWNED and plain in allowed:
        return f"{variable} has the key {key!r}: the role sets it itself; use {_OWNED[plain]}."
    if plain in allowed or plain in extra:
        return None
    if plain in _SHORT:
        return f"{variable} has the key {key!r}: write its long name, {_SHORT[plain]!r}."
    if plain in _GONE:
        return f"{variable} has the key {key!r}, which K3s no longer has: use {_GONE[plain]} instead."
    packaged = _PACKAGED.fullmatch(plain.lower().replace("_", "-"))
    if packaged:
        change = "take {} out of" if packaged.group(1) in ("enable", "with") else "add {} to"
        return f"{variable} has the key {key!r}, which K3s does not know: {change.format(repr(packaged.group(2)))} k3s_disable instead."
    if kind == "agent" and plain in SERVER_KEYS:
        return f"{variable} has the key {key!r}, which only a server takes (an agent does not start with it): move it to k3s_server_config."
    if kind == "server" and plain in AGENT_KEYS:
        return f"{variable} has the key {key!r}, which only an agent takes: move it to k3s_agent_config."
    # A key that only begins like a known one is a newer key rather than a misspelt one.
    close = [
        known
        for known in difflib.get_close_matches(plain.lower().replace("_", "-"), sorted(allowed), n=1, cutoff=0.8)
        if not _HARMFUL.search(known) and not plain.startswith(f"{known}-")
    ]
    hint = f"did you mean {close[0]!r}? If not" if close else "correct it, or"
    return (
        f"{variable} has the key {key!r}, which is not among K3s's known keys: {hint}, "
        f"if `k3s {kind} --help` of k3s_version lists it, add it to k3s_extra_config_keys."
    )


def is_nested(entry: Any) -> bool:
    """Return whether an entry of a list is no text or number."""
    return entry is None or isinstance(entry, (Mapping, list, tuple))


def entries_of(key: str, value: Any) -> list[Any]:
    """Return the entries of a value as K3s finds them in its configuration."""
    if isinstance(value, (list, tuple)):
        return list(value)
    return [part.strip() for part in value.split(",")] if isinstance(value, str) and key.removesuffix("+") in _MANY else [value]


def as_read(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without the blanks after commas, at which K3s stumbles."""
    return {
        key: ",".join(entries_of(key, value)) if isinstance(value, str) and key.removesuffix("+") in _MANY else value
        for key, value in config.items()
    }


def _value_findings(variable: str, key: str, value: Any) -> list[str]:
    fits, expected = _VALUES.get(key.removesuffix("+"), (lambda _text: True, "text"))
    findings = []
    for entry in entries_of(key, value):
        if is_nested(entry) or not fits(str(entry)):
            shown = "an entry that is no text" if key.removesuffix("+") in SECRET_KEYS else repr(entry if is_nested(entry) else str(entry))
            findings.append(f"{variable} has {shown} under {key!r}: it must be {expected}.")
        elif key.removesuffix("+") == "node-label" and _KUBERNETES_LABEL.match(entry) and not _OWN_LABEL.match(entry):
            findings.append(
                f"{variable} has {entry!r} under {key!r}: the kubelet refuses labels of kubernetes.io and k8s.io except those of "
                "node.kubernetes.io; use another prefix, or label the Node once it has joined."
            )
    return findings


def config_findings(config: Any, kind: str, extra: Collection[str] = ()) -> list[str]:
    """Return what is wrong with C(k3s_server_config) or C(k3s_agent_config), one sentence each; extra keys are accepted, too."""
    variable = f"k3s_{kind}_config"
    given, config = config, read_dict(config)
    if config is None:
        return [f"{variable} {found_value(given, variable)}: it must be a dictionary of K3s's configuration keys."]
    findings = []
    for key in config:
        finding = _key_finding(str(key), kind, variable, extra)
        if finding:
            findings.append(finding)
        elif isinstance(config[key], Mapping):
            findings.append(f"{variable} has a dictionary under {str(key)!r}: K3s takes single values and lists only.")
        elif config[key] is None:
            findings.append(f"{variable} has no value under {str(key)!r}: give one, or remove the key.")
        elif key == "write-kubeconfig-mode" and isinstance(config[key], int) and config[key] in _OCTAL:
            findings.append(
                f'{variable} has {config[key]} under {key!r}: quote the mode, as in "{_OCTAL[config[key]]}"; YAML read it as octal.'
            )
        else:
            findings += _value_findings(variable, str(key), config[key])
    backend = str(config.get("flannel-backend", ""))
    if backend in ("ipsec", "wireguard"):
        findings.append(f"{variable} has flannel-backend {backend!r}, which K3s no longer has: use 'wireguard-native' instead.")
    return findings
