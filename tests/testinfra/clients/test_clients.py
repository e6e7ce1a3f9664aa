# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that asks clients for certificates is not reached without one: not over another site, port 80, or an Ingress.

All sites have the same Service, so that whatever gets through is answered.
"""

from __future__ import annotations

import json
import subprocess
import time

import pytest
import runs

WEB = [{"service": "web.default", "port": 3000}]
STRICT, OPTIONAL, DEEP, WILD = "mtls.example.com", "maybe.example.com", "deep.under.example.com", "x.example.com"
PARTS = ("--tags", "cert_manager,certificate,gateway,report")
# Spellings of a host that applications take for the same.
SPELLINGS = ("{}", "{}:443", "{}:80", "{}.")
LIMIT = 60


def kubectl(host, *arguments):
    return host.check_output("k3s kubectl --namespace istio-ingress " + " ".join(arguments))


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Certificate and key of a client whom the strict site knows."""
    folder = tmp_path_factory.mktemp("client")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj"]
    for command in (
        [*new, "/CN=clients", "-x509", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem"],
        [*new, "/CN=client", "-keyout", "client.key", "-out", "client.csr"],
        ["openssl", "x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "client.pem"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def sites(host, site, client):
    """The example's site, one for a wildcard, and those that ask for certificates, all of them served."""
    mutual = {"mode": "MUTUAL", "ca_certificate": (client / "ca.pem").read_text(encoding="ascii")}
    own = {"issuer": "own-ca", "routes": WEB}
    listed = [
        {"name": "wild", "hosts": ["*.example.com"], **own},
        {"name": "strict", "hosts": [STRICT, DEEP], "tls": mutual, **own},
        {"name": "optional", "hosts": [OPTIONAL], "tls": {**mutual, "mode": "OPTIONAL_MUTUAL"}, **own},
    ]
    issuers = [*host.backend.get_variables()["cert_manager_issuers"], {"name": "own-ca", "type": "selfsigned"}]
    found = runs.run({"edge_sites": [site, *listed], "cert_manager_issuers": issuers}, *PARTS)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    yield listed
    assert runs.run({"edge_sites": [site], "certificate_prune_secrets": True}, *PARTS).status == 0


@pytest.fixture
def curl(address):
    """A function that asks the host by curl, and returns status and body of each answer; 0 for a connection that fails."""

    def ask(*urls, names, arguments=()):
        resolve = [word for name in names for port in (80, 443) for word in ("--resolve", f"{name}:{port}:{address}")]
        common = ["--silent", "--insecure", "--max-time", "10", "--write-out", "\n%{http_code} %{num_connects}\n", *arguments, *resolve]
        command = ["curl"]
        for index, url in enumerate(urls):
            command += [*(["--next"] if index else []), *common, *url]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")

    return ask


def answered(lines):
    """Status of each answer, and whether it came over a new connection."""
    found = [line.split() for line in lines if len(line.split()) == 2 and line.replace(" ", "").isdigit()]
    return [(int(status), int(connects)) for status, connects in found]


def from_web(lines):
    return "web" in lines


def watch(condition):
    """Wait until a condition holds: Envoy gets its routes a moment after the API server has them."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it does not come to hold"


def test_who_has_the_certificate_is_served(sites, client, curl):
    with_it = ("--cert", str(client / "client.pem"), "--key", str(client / "client.key"))
    for name in (STRICT, DEEP, OPTIONAL):
        lines = curl([f"https://{name}/"], names=[name], arguments=with_it)
        assert (answered(lines)[0][0], from_web(lines)) == (200, True)
    assert answered(curl([f"https://{OPTIONAL}/"], names=[OPTIONAL]))[0][0] == 200
    assert answered(curl([f"https://{WILD}/"], names=[WILD]))[0][0] == 200


def test_who_has_none_is_not(sites, curl):
    for name in (STRICT, DEEP):
        lines = curl([f"https://{name}/"], names=[name])
        assert (answered(lines)[0][0], from_web(lines)) == (0, False)


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("sni", [WILD, "app.example.com", OPTIONAL, "other.example.org"])
def test_no_other_name_in_the_handshake_leads_there(sites, curl, sni, version):
    for asked in (STRICT, STRICT.upper(), DEEP):
        for spelling in SPELLINGS:
            header = f"Host: {spelling.format(asked)}"
            lines = curl([f"https://{sni}/", "--header", header], names=[sni], arguments=[version])
            assert answered(lines)[0][0] in (0, 404, 421), (sni, header)
            assert not from_web(lines), (sni, header)


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_connection_that_is_used_again_is_refused_with_421(sites, curl, version):
    """So that browsers ask again on another one."""
    second = [f"https://{WILD}/", "--header", f"Host: {STRICT}"]
    lines = curl([f"https://{WILD}/"], second, [f"https://{WILD}/"], names=[WILD], arguments=[version])
    assert answered(lines) == [(200, 1), (421, 0), (200, 0)]


def test_no_absolute_address_leads_there(sites, curl):
    lines = curl([f"https://{WILD}/", "--request-target", f"https://{STRICT}/"], names=[WILD], arguments=["--http1.1"])
    assert (answered(lines)[0][0], from_web(lines)) == (421, False)


def test_no_handshake_without_a_name_leads_there(sites, curl, address):
    lines = curl([f"https://{address}/", "--header", f"Host: {STRICT}"], names=[WILD])
    assert (answered(lines)[0][0], from_web(lines)) == (0, False)


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Proto: https", "X-Forwarded-Host: x.example.com", "X-Forwarded-Port: 443", "Forwarded: proto=https"]
)
def test_port_80_does_not_lead_there(sites, curl, header):
    for spelling in SPELLINGS:
        url = [f"http://{STRICT}/", "--header", f"Host: {spelling.format(STRICT)}", "--header", header]
        lines = curl(url, names=[STRICT])
        assert answered(lines)[0][0] in (301, 404)
        assert not from_web(lines)


def test_without_the_refusal_the_wildcard_would_lead_there(host, sites, curl):
    trick = [f"https://{WILD}/", "--header", f"Host: {STRICT}"]
    made = json.loads(kubectl(host, "get virtualservice wild.misdirected --output json"))
    metadata = {key: made["metadata"][key] for key in ("name", "namespace", "labels")}
    kept = json.dumps({**{key: made[key] for key in ("apiVersion", "kind", "spec")}, "metadata": metadata})
    kubectl(host, "delete virtualservice wild.misdirected")
    try:
        watch(lambda: from_web(curl(trick, names=[WILD])))
    finally:
        host.check_output("echo %s | k3s kubectl apply --server-side --field-manager baremesh.edge --filename -", kept)
    watch(lambda: answered(curl(trick, names=[WILD]))[0][0] == 421)


# --- Ingresses of Istio's class


def ingress(**changes):
    """What cert-manager makes for a challenge, with changes."""
    path = {"path": "/.well-known/acme-challenge/x", "pathType": "ImplementationSpecific"}
    backend = {"service": {"name": "web", "port": {"number": 3000}}}
    spec = {"ingressClassName": "istio", "rules": [{"host": STRICT, "http": {"paths": [{**path, "backend": backend}]}}], **changes}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "taken", "namespace": "default"}, "spec": spec}


BACKEND = {"service": {"name": "web", "port": {"number": 3000}}}
EVERYTHING = [{"host": STRICT, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}}]
BY_ANNOTATION = ingress(ingressClassName=None)
BY_ANNOTATION["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "istio"}
SOLVER = "system:serviceaccount:cert-manager:cert-manager"


def create(host, manifest, user=""):
    """What the API server says to an Ingress, which it does not keep."""
    impersonated = f"--as={user} --as-group=system:serviceaccounts" if user else ""
    command = f"echo %s | k3s kubectl create {impersonated} --dry-run=server --output name --filename - 2>&1"
    return host.run(command, json.dumps(manifest))


@pytest.mark.parametrize(
    ("manifest", "user", "said"),
    [
        (ingress(), "", "only by the users in istio_ingress_users"),
        (BY_ANNOTATION, "", "only by the users in istio_ingress_users"),
        (ingress(tls=[{"hosts": [STRICT], "secretName": "strict"}]), SOLVER, "only without tls"),
        (ingress(rules=EVERYTHING), SOLVER, "only for paths under /.well-known/acme-challenge/"),
        (ingress(defaultBackend=BACKEND), SOLVER, "only for paths under /.well-known/acme-challenge/"),
        (ingress(rules=None, defaultBackend=BACKEND), SOLVER, "only for paths under /.well-known/acme-challenge/"),
    ],
)
def test_an_ingress_that_takes_from_the_sites_is_refused(host, manifest, user, said):
    answer = create(host, manifest, user)
    assert answer.rc != 0
    assert f"With istio_ingress_policy an Ingress of Istio's class may be made {said}" in answer.stdout


@pytest.mark.parametrize(
    ("manifest", "user"),
    [(ingress(), SOLVER), (ingress(ingressClassName="nginx", rules=EVERYTHING), ""), (ingress(ingressClassName=None), "")],
)
def test_solvers_and_ingresses_of_others_are_not(host, manifest, user):
    answer = create(host, manifest, user)
    assert (answer.rc, answer.stdout.strip()) == (0, "ingress.networking.k8s.io/taken")


def test_an_ingress_does_not_become_istios(host):
    other = ingress(ingressClassName="nginx", rules=EVERYTHING)
    assert host.run("echo %s | k3s kubectl create --filename - 2>&1", json.dumps(other)).rc == 0
    try:
        for patch in ({"spec": {"ingressClassName": "istio"}}, {"metadata": {"annotations": {"kubernetes.io/ingress.class": "istio"}}}):
            answer = host.run("k3s kubectl --namespace default patch ingress taken --type merge --patch %s 2>&1", json.dumps(patch))
            assert answer.rc != 0
            assert "may be made only by the users in istio_ingress_users" in answer.stdout
        assert host.run("k3s kubectl --namespace default label ingress taken a=b").rc == 0
    finally:
        host.check_output("k3s kubectl --namespace default delete ingress taken")


# --- how the gateway treats connections and paths


def test_paths_are_made_plain(sites, curl):
    def one(path, *arguments):
        return curl([f"https://{WILD}{path}", "--path-as-is", "--include", *arguments], names=[WILD])

    escaped = one("/a%2Fb")
    assert answered(escaped)[0][0] == 307
    assert any(line.strip().lower() in (f"location: https://{WILD}/a/b", "location: /a/b") for line in escaped)
    assert "path: /a/b" in one("/a//b")


def test_the_gateways_envoy_has_the_limits(host):
    pod = kubectl(host, "get pods --selector istio=ingress --output name").split()[0]
    seen = kubectl(host, f"exec {pod} --container istio-proxy -- pilot-agent request GET config_dump")
    listeners = [listener for config in json.loads(seen)["configs"] for listener in config.get("dynamic_listeners", [])]
    assert [listener["error_state"] for listener in listeners if "error_state" in listener] == []
    managers = [
        filter_["typed_config"]
        for listener in listeners
        # One that is drained has no active state any more.
        for chain in listener.get("active_state", {}).get("listener", {}).get("filter_chains", [])
        for filter_ in chain["filters"]
        if filter_["name"].endswith("http_connection_manager")
    ]
    assert managers
    for manager in managers:
        assert manager["request_headers_timeout"] == "60s"
        assert manager["merge_slashes"] is True
        assert manager["path_with_escaped_slashes_action"] == "UNESCAPE_AND_REDIRECT"
        assert manager["common_http_protocol_options"]["headers_with_underscores_action"] == "DROP_HEADER"
        assert manager["http2_protocol_options"]["max_concurrent_streams"] == 100
    (bootstrap,) = [config["bootstrap"] for config in json.loads(seen)["configs"] if "bootstrap" in config]
    limits = [monitor["typed_config"] for monitor in bootstrap["overload_manager"]["resource_monitors"]]
    assert "20000" in [str(limit.get("max_active_downstream_connections")) for limit in limits]
