# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers of what others wrote end with a value or with an error that their callers know, for any input.

Inputs are samples of the real thing, changed here and there. FUZZ is the number of inputs of each parser; `make fuzz` tries many.
EDGE_SEED repeats a run. What was found once is a sample.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
import tempfile
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils import _masking, _text
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager import advice, causes, report, silence
from ansible_collections.baremesh.edge.plugins.module_utils._firewall import firewalld, plan, ufw
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners, live, nat, redirects
from ansible_collections.baremesh.edge.plugins.module_utils._istio import config_dump, primer
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import (
    addresses,
    api,
    existing,
    files,
    leftovers,
    nodes,
    release,
    tokens,
    unit,
)
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import causes as k3s_causes
from ansible_collections.baremesh.edge.plugins.module_utils._kube import kubeconfig
from ansible_collections.baremesh.edge.plugins.module_utils._net import charts, digests, proxy_protocol, tls
from ansible_collections.baremesh.edge.plugins.module_utils._preflight import caa, delegation, distribution, dns, host, runs, tsig
from ansible_collections.baremesh.edge.plugins.module_utils._workload import helm_releases
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.fuzzing import changed_bytes, changed_text, changed_tree, fuzz, survive

HERE = Path(__file__).resolve().parent


def read(name):
    return (HERE / name).read_text(encoding="utf-8")


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
KUBECONFIG_WITH_FILES = {
    **KUBECONFIG[0],
    "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority": "ca.pem"}}],
    "users": [{"name": "a", "user": {"client-certificate": "/a.pem", "client-key": "/key.pem"}}],
}
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

NFT_TEXTS = [json.dumps(found) for found in [*FOREIGN_NFT, *NFT]]
ADDRESSES = [
    lines(
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever",
        "2: eth0    inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0",
        "2: eth0    inet 192.0.2.11 peer 192.0.2.12/32 scope global eth0",
        "2: eth0@if7    inet6 2001:db8::1/64 scope global",
        "3: wg0    inet6 fe80::1%wg0/64 scope link",
    )
]
SUMS = [lines(f"{'0' * 64}  k3s", f"{'1' * 64} *k3s-airgap-images-amd64.tar.zst")]
LOG = [
    lines(
        'I1127 10:00:00.000000       1 controller.go:162] "Starting" logger="cert-manager"',
        'E1127 10:00:01.000000       1 sync.go:1] "x" err="failed calling webhook \\"w\\": app-1: no\\nroute" key="a/app"',
    )
]
CHALLENGE = [
    "Challenge app.example.com: Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'",
    "Challenge app.example.com: Waiting: failed to perform self check GET request 'http://app/': Get \"http://app/\": dial tcp: refused",
    "Challenge app: the self check is redirected to https://app/.well-known/acme-challenge/x, and there: Get: x509: unknown authority",
]
WEBHOOK = ['failed calling webhook "validation.istio.io": Post "https://istiod.istio-system.svc:443/validate": refused']
SECRETS = ["Tr0ub4dor&3 secret", "postgres://edge:p%40ss,word@db/k3s", "K10aa::server:0123456789abcdef"]
SPOKEN = [
    *JOURNAL,
    *(f'level=error msg="cannot join with {secret}"' for secret in SECRETS),
    "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln\npassword: hunter22 https://a:b@c/d",
    "-----BEGIN RSA PRIVATE KEY-----\nYQ==\n-----END RSA PRIVATE KEY-----\n",
]
K3S_YAML = [
    lines("token: a b", "disable:", "  - traefik", "datastore-endpoint: 'postgres://a:b@c'", "kubelet-arg+: [a=b, c]", "tls-san:", "- x"),
    lines("mirrors:", '  "docker.io":', "    endpoint:", "      - https://m", "configs:", "  m:", "    auth: {username: a, password: b}"),
]
OPENINGS = ['[["public", "80/tcp", true], ["trusted", "10.42.0.0/16", false]]']
TOKENS = ["K10aa::server:secret", "abcdef.0123456789abcdef"]
OS_RELEASE = [
    lines('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"', "ID=debian", 'VERSION_ID="12"'),
    lines("ID=rocky", "ID_LIKE='rhel fedora'"),
]
NODE_CONFIG = [lines("node-name: Edge-1", "with-node-id: true", "\"node-name\": 'a'"), lines("K3S_NODE_NAME='edge'")]
API_KUBECONFIG = [
    lines(
        "apiVersion: v1",
        "clusters:",
        "- cluster:",
        "    certificate-authority-data: YQ==",
        "    server: https://127.0.0.1:6443",
        "  name: default",
        "users:",
        "- user: {}",
        "    client-certificate-data: YQ==",
        "    client-key-data: YQ==",
    )
]
KUBECONFIGS = [json.dumps(KUBECONFIG[0], indent=1), *API_KUBECONFIG]


def shown(text):
    """Mask text, and check that a terminal obeys nothing of what is left."""
    mask = _masking.Mask(SECRETS)
    found = mask.text(text)
    assert all(each.isprintable() or each in "\n\t" for each in found), found
    mask.all({text: [text, {"token": text}]})


def shown_yaml(text):
    files.mask_yaml(text, ["token", "datastore-endpoint", "auth"])
    files.hidden_values(text, ["token", "datastore-endpoint", "auth"])


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
    "resolv.conf": (dns.name_servers, RESOLVER),
    "a reason": (_text.reason_line, [*JOURNAL, *ACME, "Traceback (most recent call last):\n  File x\nValueError: a\n"]),
    "a moment": (tls.parse_time, ["2026-11-27T10:00:00Z", "2026-11-27T10:00:00.123+01:00"]),
    "nft's ruleset": (lambda text: nat.claims("", {80, 443}, {"192.0.2.10"}, text), NFT_TEXTS),
    "nft's own ports": (live.parse_host_ports, NFT_TEXTS),
    "ip addr": (host.addresses, ADDRESSES),
    "a list of checksums": (lambda text: digests.checksum_of(text, "k3s"), SUMS),
    "a version of K3s": (release.parse_version, ["v1.34.4+k3s1", "v1.35.0-rc1+k3s1"]),
    "a token of K3s": (
        lambda text: (tokens.is_bootstrap(text), tokens.password(text)),
        ["K10aa::server:secret", "abcdef.0123456789abcdef"],
    ),
    "cert-manager's log": (lambda text: silence.log_error(text, report.Subject("app", "default")), LOG),
    "a challenge's reason": (report._short, CHALLENGE),
    "a webhook's refusal": (primer.webhook_trouble, WEBHOOK),
    "text to be shown": (shown, SPOKEN),
    "YAML to be shown": (shown_yaml, K3S_YAML),
    "istiod's settings of a pod": (proxy_protocol._parsed, ['{"gatewayTopology": {"numTrustedProxies": 1}}']),
    "a Node's moment": (nodes._seconds, ["2026-11-27T10:00:00Z"]),
}
#: Parsers that are given a folder, and where the text lies in it.
FILES = {
    "os-release": ("etc/os-release", lambda root: distribution.os_family(distribution.os_release(root)), OS_RELEASE),
    "meminfo": ("proc/meminfo", host.memory_mib, [lines("MemTotal:        8000000 kB", "MemFree: 1 kB")]),
    "cgroups": ("proc/cgroups", host.cgroups, [lines("#subsys_name\thierarchy\tnum_cgroups\tenabled", "cpu\t1\t2\t1", "memory\t0\t1\t0")]),
    "kernel modules": (
        "lib/modules/6.1/modules.dep",
        lambda root: host.missing_modules(root, "6.1"),
        [lines("kernel/net/vxlan.ko.xz: a.ko")],
    ),
    "ufw.conf": ("etc/ufw/ufw.conf", host.ufw_enabled, [lines("ENABLED=yes", "LOGLEVEL=low")]),
    "K3s's node name": ("etc/rancher/k3s/config.yaml", lambda root: nodes.own_node_name(None, str(root)), NODE_CONFIG),
    "addresses of interfaces": (
        "if_inet6",
        lambda root: addresses.interface_address("none0", str(root / "if_inet6")),
        [lines("20010db8000000000000000000000001 02 40 00 80    none0", "fe800000000000000000000000000001 02 40 20 80    none0")],
    ),
    "a record": ("record", lambda root: files.read_record(str(root / "record")), ['{"version": "v1.34.4+k3s1", "sha256": {"a": "b"}}']),
    "the firewall's record": (
        "record",
        lambda root: plan.read(root / "record"),
        ['[["public", "80/tcp", true], ["trusted", "10.42.0.0/16", false]]'],
    ),
    "a kubeconfig": (
        "config",
        lambda root: kubeconfig.read_plain(str(root / "config")),
        [json.dumps(KUBECONFIG[0], indent=1), API_KUBECONFIG[0]],
    ),
}


@pytest.fixture(autouse=True)
def files_in_memory(monkeypatch):
    """Close what a kubeconfig holds open in memory: a process reads one, and these tests read many.

    Whoever gives flags closes what he opened. To close that again would close what has got its number meanwhile.
    """
    opened, open_one = [], os.memfd_create

    def open_another(name, *flags):
        while len(opened) > 10:
            os.close(opened.pop(0))
        descriptor = open_one(name, *flags)
        opened.extend([] if flags else [descriptor])
        return descriptor

    monkeypatch.setattr(os, "memfd_create", open_another)
    yield
    for descriptor in opened:
        os.close(descriptor)


@pytest.fixture
def folder():
    """A folder in memory where there is one: a disk takes longer for each input than its parser."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as found:
        yield Path(found)


def parser_of_file(name, folder):
    place, parser, _samples = FILES[name]
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)

    def parse(text):
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        parser(folder)

    return parse


@pytest.mark.parametrize("name", FILES)
def test_file(name, folder):
    fuzz(parser_of_file(name, folder), changed_text(FILES[name][2]), kubeconfig.NotPlainError)


#: What has ended in a traceback or taken minutes.
FOUND = [
    ("systemctl show", f"NRestarts={'9' * 5000}"),
    ("a version of K3s", f"v1.34.{'9' * 5000}+k3s1"),
    ("journal", "level=fatal " * 4000),
    ("journal", "vxlan" * 9600),
    ("journal", "9" * 48000),
    ("firewalld's refusals", "rule " + "9" * 48000),
    ("ip addr", "2: eth0 inet 192. scope global"),
    ("nft's ruleset", '{"nftables": ' + "[" * 3000),
    ("nft's own ports", '{"nftables": ' + "[" * 3000),
    ("runs of others", "[" * 3000),
    ("meminfo", "MemTotal:"),
    ("meminfo", "MemTotal: many kB"),
    ("addresses of interfaces", "zz 02 40 00 80 none0"),
    ("a record", "[" * 3000),
    ("the firewall's record", "[" * 3000),
    ("a kubeconfig", "[" * 1000),
    ("a kubeconfig", "a: 2026-02-30"),
    ("a kubeconfig", "a: !!timestamp b"),
    ("a kubeconfig", "a: !!int ''"),
    ("a kubeconfig", "a: !!bool maybe"),
    ("a kubeconfig", f"a: !!float '{':'.join(['59'] * 200)}.5'"),
]


@pytest.mark.parametrize(("name", "text"), FOUND, ids=[f"{name} {text[:12]!r}" for name, text in FOUND])
def test_what_was_found_once(name, text, folder):
    parser = TEXTS[name][0] if name in TEXTS else parser_of_file(name, folder)
    survive(parser, text, (kubeconfig.NotPlainError,), seconds=5)


def test_the_kubeconfig_that_k3s_writes(folder):
    path = folder / "k3s.yaml"

    def parse(text):
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        # No server is asked: the certificates are none.
        with api.Api(str(path))._response("GET", "/", 1.0):
            raise AssertionError("something answered")

    fuzz(parse, changed_text(API_KUBECONFIG))


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


def test_a_kubeconfig_with_a_key_that_is_no_text():
    document = json.loads(json.dumps(KUBECONFIG[0]))
    document["users"][0]["user"][1] = "x"
    with pytest.raises(kubeconfig.NotPlainError, match="it uses 1"):
        kubeconfig._settings(document, None, "/")


@pytest.mark.parametrize("path", [-1, 1.5, True, ["x"], {"x": "y"}])
@pytest.mark.parametrize("key", ["client-certificate", "client-key"])
def test_a_kubeconfig_with_a_path_that_is_no_text(key, path):
    document = json.loads(json.dumps(KUBECONFIG_WITH_FILES))
    document["users"][0]["user"][key] = path
    with pytest.raises(kubeconfig.NotPlainError, match=f"it has no {key}$"):
        kubeconfig._settings(document, None, "/")


def test_a_kubeconfig_tree():
    samples = [*KUBECONFIG, KUBECONFIG_WITH_FILES]
    fuzz(lambda tree: kubeconfig._settings(tree, None, "/"), changed_tree(samples), kubeconfig.NotPlainError)


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


def test_a_key_pair():
    pair = [make.key_pem().decode() + make.cert_pem().decode()]
    fuzz(lambda text: tls.key_matches(*[text.encode("utf-8", "surrogatepass")] * 2), changed_text(pair))


def test_a_dns_answer():
    question = dns.question("example.com", 1, dns.CAA)
    answer = question[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question[12:]
    answer += b"\xc0\x0c\x01\x01\x00\x01\x00\x00\x00\x3c\x00\x16\x00\x05issueletsencrypt.org"
    assert caa.records(dns.read(answer))
    fuzz(lambda text: caa.records(dns.read(text)), changed_bytes(answer), ValueError)


def test_what_dns_says_of_a_zone():
    question = dns.question("a.example", 1, dns.SOA)
    answer = question[:2] + b"\x84\x00\x00\x01\x00\x02\x00\x00\x00\x00" + question[12:]
    answer += b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c"
    answer += b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x18\xc0\x0c\xc0\x0c" + bytes(20)

    def look(text):
        asked = {"name": "a.example", "follow": True, "resolvers": ["192.0.2.53"], "servers": True}
        return delegation.Delegations(1, lambda _server, message, _timeout: message[:2] + text[2:]).look(asked)

    assert look(answer)["zone"] == "a.example"
    fuzz(look, changed_bytes(answer))


def test_the_answer_to_a_signed_update():
    update = tsig.question("example.com", 1, "edge")
    answer = tsig.signed(update[:2] + b"\xa8\x09" + update[4:], "key", "HMACSHA256", b"secret", 0)[:-4] + b"\x00\x11\x00\x00"
    assert tsig.refusal(answer) == "BADKEY"
    # The caller takes an answer that is too short for one that cannot be had.
    fuzz(tsig.refusal, changed_bytes(answer), struct.error)
