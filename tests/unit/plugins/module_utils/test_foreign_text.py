# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers of what others wrote end with a value or with an error that their callers know, for any input.

Inputs are samples of the real thing, changed here and there. FUZZ is the number of inputs of each parser; `make fuzz` tries many.
EDGE_SEED repeats a run. What was found once is a sample.
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
import os
import random
import signal
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils import _text
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager import advice, causes
from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._firewall import firewalld, ufw
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners, live, nat, redirects
from ansible_collections.baremesh.edge.plugins.module_utils._istio import config_dump
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import causes as k3s_causes
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import existing, leftovers, unit
from ansible_collections.baremesh.edge.plugins.module_utils._kube import kubeconfig
from ansible_collections.baremesh.edge.plugins.module_utils._net import charts, proxy_protocol, tls
from ansible_collections.baremesh.edge.plugins.module_utils._preflight import caa, runs
from ansible_collections.baremesh.edge.plugins.module_utils._workload import helm_releases

HERE = Path(__file__).resolve().parent
INPUTS = int(os.environ.get("FUZZ", "100"))
#: What breaks parsers: separators at wrong places, numbers out of range, quotes that do not end, other writing systems, controls.
PIECES = ["", " ", "\t", "\n", '"', "'", "\\", ":", ",", "/", "-", "--", "=", "{", "}", "[", "]", "@", "#", "0", "-1", "65536"]
PIECES += ["9" * 30, "null", "NaN", "1e9", "é", "²", "٣", "\u2028", "\x00", "\x1b[31m", "\ud7ff", "::", "0.0.0.0/0", "::/0", "a" * 300]
LEAVES = [
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "²",
    [],
    {},
    ["x"],
    [None],
    {"set": []},
    {"range": [1]},
    {"range": ["@absent", "x"]},
    {"concat": [1]},
    "@absent",
]
#: Seconds after which a parser hangs, on the slowest machine.
HANGS = 60


def read(name):
    return (HERE / name).read_text(encoding="utf-8")


def changed_text(samples):
    """Return a function that cuts, doubles and puts in pieces of a sample."""

    def make(dice):
        text = dice.choice(samples)
        for _unused in range(dice.randint(0, 6)):
            start = dice.randint(0, len(text))
            end = min(len(text), start + dice.randint(0, 40))
            text = text[:start] + dice.choice([*PIECES, text[start:end] * 2]) + text[end:]
        return text

    return make


def changed_bytes(sample):
    """Return a function that changes some bytes of a sample and cuts its end."""

    def make(dice):
        found = bytearray(sample)
        for _unused in range(dice.randint(0, 6)):
            found[dice.randrange(len(found))] = dice.randrange(256)
        return bytes(found[: dice.randint(0, len(found))] if dice.random() < 0.5 else found)

    return make


def places(tree, found):
    """All containers of a tree with each of their keys."""
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        found.append((tree, key))
        if isinstance(tree[key], (dict, list)):
            places(tree[key], found)
    return found


def changed_tree(samples, typed=False):
    """Return a function that drops values of a sample of JSON or replaces them, by ones of their type where an API guards types."""

    def make(dice):
        tree = copy.deepcopy(dice.choice(samples))
        for _unused in range(dice.randint(0, 4)):
            known = places(tree, [])
            if not known:
                break
            parent, key = dice.choice(known)
            leaves = [leaf for leaf in LEAVES if not typed or (type(leaf) is type(parent[key]) and leaf not in (["x"], [None]))]
            if isinstance(parent, dict) and (not leaves or dice.random() < 0.5):
                del parent[key]
            elif leaves:
                parent[key] = copy.deepcopy(dice.choice(leaves))
        return tree

    return make


def hang(_signal, _frame):
    raise AssertionError("the parser hangs")


def fuzz(parser, make, *allowed):
    """Give inputs to a parser; only the allowed errors may come out."""
    seed = int(os.environ.get("EDGE_SEED") or random.SystemRandom().randrange(10**6))
    dice = random.Random(seed)
    former = signal.signal(signal.SIGALRM, hang)
    try:
        for _unused in range(INPUTS):
            given = make(dice)
            signal.alarm(HANGS)
            try:
                parser(given)
            except (EdgeError, *allowed):
                pass
            except BaseException as exc:
                raise AssertionError(f"EDGE_SEED={seed}: {type(exc).__name__}: {exc}, for {given!r}") from exc
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def lines(*found):
    return "".join(f"{line}\n" for line in found)


NFT = [json.loads(read(f"_host_ports/samples/{name}.json")) for name in ("nft-1.0.6-plain", "nft-1.0.6-sources", "nft-1.1.3-sources")]
FOREIGN_NFT = [json.loads(read("_host_ports/samples/foreign-nft-1.0.6.json"))]
IPTABLES = [
    read("_host_ports/samples/iptables-save-hostport.txt"),
    lines(
        "*nat",
        ":PREROUTING ACCEPT [0:0]",
        "-A PREROUTING -p tcp -m multiport --dports 80:90,443 -j DNAT --to-destination 10.0.0.1:80",
        '-A PREROUTING ! -d 192.0.2.0/24 -i eth0 -p tcp --dport 443 -m comment --comment "a \\" b" -j X',
        "COMMIT",
    ),
]
UFW = [
    lines(
        "ufw allow 22/tcp comment 'ssh from home'",
        "ufw deny in on eth0 to any port 80 proto tcp",
        "ufw route allow to 10.42.0.0/16",
        "ufw limit http",
    )
]
FIREWALLD = [
    lines(
        "public (active)",
        "  target: default",
        "  services: ssh http",
        "  ports: 8080/tcp 8000-8010/tcp",
        "  rich rules:",
        '\trule family="ipv4" port port="80-90" protocol="tcp" reject',
    )
]
UNIT = [lines("LoadState=loaded", "ActiveState=active", "SubState=running", "NRestarts=0", "MainPID=12", "Result=success")]
JOURNAL = [
    'time="2026-11-27T10:00:00Z" level=fatal msg="starting kubernetes: preparing server: bootstrap data already found"',
    'E1127 10:00:00.000000       1 kubelet.go:1234] "Failed" err="failed to run Kubelet: no space left on device"',
    'time="2026-11-27T10:00:00Z" level=info msg="server is not ready: \\"overlayfs\\" snapshotter cannot be enabled"',
]
INSTALLER = [
    lines("ExecStart=/usr/local/bin/k3s \\", "    server \\", "\t'--data-dir' \\", "\t'/data' \\"),
    lines("K3S_TOKEN='a b'", 'export X="1'),
    lines("disable:", "  - traefik", "'a': 1"),
]
MOUNTS = [
    lines(
        "36 35 98:0 / /run/k3s/containerd/x rw - tmpfs tmpfs rw",
        "37 35 98:0 / /var/lib/kubelet/pods/a\\040b rw - tmpfs x rw",
        "38 35 98:0 / /mnt/a\\099 rw - tmpfs x rw",
    )
]
LINKS = [lines("7: veth1@if2: <BROADCAST> mtu 1450", "8: veth2: <UP> mtu 1450")]
KUBECONFIG = [
    {
        "apiVersion": "v1",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": "YQ=="}}],
        "users": [{"name": "a", "user": {"token": "t", "client-certificate-data": "YQ==", "client-key-data": "YQ=="}}],
    }
]
ACME = [
    "urn:ietf:params:acme:error:rateLimited: too many certificates (5) already issued, retry after 2026-12-01 10:00:00 UTC: see https://x",
    "acme: authorization error for app.example.com: 403 urn:ietf:params:acme:error:unauthorized: Invalid response from http://app/",
]
SOCKETS = [
    lines(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1",
    )
]
ENVOY = [
    {
        "configs": [
            {
                "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump.DynamicSecret",
                "name": "kubernetes://app",
                "version_info": "1",
                "secret": {"tls_certificate": {"certificate_chain": {"inline_bytes": "YQ=="}}},
            },
            {"dynamic_listeners": [{"name": "0.0.0.0_443", "error_state": {"details": "bad"}}]},
        ]
    }
]
RELEASE = {
    "name": "istiod",
    "version": 1,
    "namespace": "istio-system",
    "info": {"status": "deployed"},
    "chart": {"metadata": {"name": "istiod", "version": "1.2.3"}},
    "config": {"a": 1},
}
SECRET = {"metadata": {"name": "sh.helm.release.v1.istiod.v1", "namespace": "istio-system", "labels": {"owner": "helm", "version": "1"}}}
PEM = [lines("-----BEGIN CERTIFICATE-----", "YQ==", "-----END CERTIFICATE-----")]
POD = [{"spec": {"containers": [{"env": [{"name": "PROXY_CONFIG", "value": "{}"}]}]}}]
RUNS = ['[{"id": "a", "hosts": "b", "begun": 1.5, "controller": "c"}]']
RESOLVER = [lines("# made by x", "nameserver 192.0.2.1", "nameserver 2001:db8::1%eth0", "search a b")]

TEXTS = {
    "iptables-save": (lambda text: nat.claims(text, {80, 443}, {"192.0.2.10"}), IPTABLES),
    "own iptables rules": (lambda text: (redirects.live(text), redirects.parse({4: text})), IPTABLES),
    "rules to purge": (leftovers.purge_script, IPTABLES),
    "nft's text": (live.parse_table, [json.dumps(found) for found in NFT]),
    "ufw": (ufw.parse_added, UFW),
    "firewalld's zone": (lambda text: firewalld.is_open(text, 80), FIREWALLD),
    "firewalld's refusals": (lambda text: firewalld.refusals(text, [80, 443]), FIREWALLD),
    "systemctl show": (unit.parse_state, UNIT),
    "journal": (lambda text: (k3s_causes.explain(text.split("\n")), k3s_causes.last_complaint(text.split("\n"))), JOURNAL),
    "unit's flags": (existing._flags, INSTALLER),
    "environment file": (existing._variables, INSTALLER),
    "config.yaml": (existing._keys, INSTALLER),
    "mountinfo": (leftovers.own_mounts, MOUNTS),
    "ip link": (leftovers.enslaved, LINKS),
    "ACME's advice": (lambda text: (advice.hints(text), advice.advice(text), causes.rate_limit_end(text)), ACME),
    "listening sockets": (lambda text: listeners.listening(text, [80, 8080]), SOCKETS),
    "runs of others": (runs._read, RUNS),
    "resolv.conf": (caa.name_servers, RESOLVER),
    "a reason": (_text.reason_line, [*JOURNAL, *ACME, "Traceback (most recent call last):\n  File x\nValueError: a\n"]),
    "a moment": (tls.parse_time, ["2026-11-27T10:00:00Z", "2026-11-27T10:00:00.123+01:00"]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(name):
    parser, samples = TEXTS[name]
    fuzz(parser, changed_text(samples))


TREES = {
    "nft's own table": (lambda tree: (live.parse_table(json.dumps(tree)), live.parse_host_ports(json.dumps(tree))), NFT),
    "nft's ruleset": (lambda tree: nat.claims("", {80, 443}, {"192.0.2.10"}, json.dumps(tree)), [*FOREIGN_NFT, *NFT]),
}
TYPED_TREES = {
    "Envoy's secrets": (config_dump.held_secrets, ENVOY),
    "Envoy's listeners": (lambda tree: config_dump.listener_errors(tree, 443), ENVOY),
    "a pod": (proxy_protocol.proxy_config, POD),
    "labels of releases": (lambda tree: helm_releases.newest_secrets([tree]), [SECRET]),
}


@pytest.mark.parametrize("name", TREES)
def test_tree(name):
    parser, samples = TREES[name]
    fuzz(parser, changed_tree(samples))


@pytest.mark.parametrize("name", TYPED_TREES)
def test_tree_whose_types_are_guarded(name):
    parser, samples = TYPED_TREES[name]
    fuzz(parser, changed_tree(samples, typed=True))


def test_a_kubeconfig_tree():
    fuzz(lambda tree: kubeconfig._settings(tree, None, "/"), changed_tree(KUBECONFIG), kubeconfig.NotPlainError)


def packed(release):
    data = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    return {**SECRET, "data": {"release": data}}


def test_a_helm_release():
    fuzz(lambda tree: helm_releases.decode(packed(tree)), changed_tree([RELEASE]), ValueError)


def test_a_packed_helm_release():
    text = packed(RELEASE)["data"]["release"]
    fuzz(lambda data: helm_releases.decode({**SECRET, "data": {"release": data}}), changed_text([text]), ValueError)


INDEX = """entries:
  istiod:
    - {version: 1.30.0, urls: [istiod-1.30.0.tgz]}
    - version: 1.31.1
      urls:
        - https://charts.example.com/istiod-1.31.1.tgz
      digest: "sha256:00"
"""


def found_chart(text):
    repository = charts.Repository("https://me:x@charts.example.com/a?b=c", 1, None, False, "x")
    repository._entries = charts.parse_index(text, "index.yaml")
    return repository.find("istiod", "1.31.1")


def test_an_index_of_charts():
    assert found_chart(INDEX).url == "https://me:x@charts.example.com/istiod-1.31.1.tgz"
    fuzz(found_chart, changed_text([INDEX]), ValueError)


def test_pem():
    fuzz(lambda text: tls.leaf_of_pem(text.encode("utf-8", "surrogatepass")), changed_text(PEM), ValueError)


def test_a_dns_answer():
    question = caa.question("example.com", 1)
    answer = question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question[12:]
    answer += b"\xc0\x0c\x01\x01\x00\x01\x00\x00\x00\x3c\x00\x16\x00\x05issueletsencrypt.org"
    assert caa.records(answer)
    fuzz(caa.records, changed_bytes(answer), ValueError)
