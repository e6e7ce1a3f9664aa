# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites beside the plain one: a Secret of the user's own, TLS that passes through, a wildcard, and raw manifests."""

from __future__ import annotations

import copy
import json

import pytest
import runs
import visits
from authority import Authority

WEB = [{"service": "web.default", "port": 3000}]
API = [{"service": "kubernetes.default", "port": 443}]
SITES = [
    {"name": "own", "hosts": ["own.example.com"], "tls": {"credential": "mine"}, "routes": WEB},
    {"name": "brought", "hosts": ["brought.example.com"], "tls": {"credential": "corporate"}, "routes": WEB},
    # The API server speaks TLS with whoever asks, the backend of the example does not.
    {
        "name": "api",
        "hosts": ["api.example.com"],
        "tls": {"mode": "PASSTHROUGH"},
        "routes": [{"service": "kubernetes.default", "port": 443}],
    },
    {"name": "plain", "hosts": ["plain.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": WEB},
    {"name": "wild", "hosts": ["*.wild.example.com"], "issuer": "own-ca", "routes": WEB},
]
SERVER = {
    "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
    "hosts": ["raw.example.com"],
    "tls": {"mode": "SIMPLE", "credentialName": "raw-tls"},
}
RAW = {
    "certificate_certificates": [
        {
            "metadata": {"name": "raw"},
            "spec": {
                "secretName": "raw-tls",
                "dnsNames": ["raw.example.com"],
                "issuerRef": {"kind": "ClusterIssuer", "name": "own-ca"},
            },
        }
    ],
    "gateway_gateways": [{"metadata": {"name": "raw"}, "spec": {"selector": {"istio": "ingress"}, "servers": [SERVER]}}],
}
PARTS = ("--tags", "cert_manager,certificate,gateway,report")


def kubectl(host, *arguments):
    return host.check_output("k3s kubectl --namespace istio-ingress " + " ".join(arguments))


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """A certificate and its key as users put them into their vault."""
    authority = Authority("corporate", tmp_path_factory.mktemp("corporate"))
    certificate, paths = authority.issue("brought", hosts=["brought.example.com"])
    pem, key = (path.read_text(encoding="ascii") for path in paths)
    return certificate.serial_number, {"name": "corporate", "certificate": pem + authority.pem, "private_key": key}


@pytest.fixture(scope="module")
def variables(host, site, brought):
    """The example's site and all others, with the Secret that one of them names."""
    host.check_output(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=own "
        "-addext subjectAltName=DNS:own.example.com -keyout /root/own.key -out /root/own.pem"
    )
    kubectl(host, "create secret tls mine --cert /root/own.pem --key /root/own.key")
    issuers = [*host.backend.get_variables()["cert_manager_issuers"], {"name": "own-ca", "type": "selfsigned"}]
    return {"edge_sites": [site, *SITES], "cert_manager_issuers": issuers, "certificate_provided": [brought[1]], **RAW}


@pytest.fixture(scope="module")
def run(variables):
    return runs.run(variables, "--diff", *PARTS)


def summary(run):
    """Lines of the report, by the site or Gateway that they are about."""
    document = json.loads(run.output[run.output.index("{") : run.output.rindex("}") + 1])
    (lines,) = [
        result["msg"]
        for play in document["plays"]
        for task in play["tasks"]
        if task["task"]["name"].endswith("Show the summary")
        for result in task["hosts"].values()
    ]
    found = {}
    for line in lines:
        if not line.startswith(" "):
            name = line.partition(":")[0]
        found.setdefault(name, []).append(line)
    return found


def test_the_run_is_green(run):
    assert run.failures == []
    assert run.status == 0, run.output[-4000:]


def test_a_secret_of_ones_own_is_served_and_shown(host, run):
    serial = host.check_output("openssl x509 -in /root/own.pem -noout -serial").partition("=")[2].lower().lstrip("0")
    lines = summary(run)["own"]
    assert lines[0] == "own: served: https://own.example.com/"
    assert f"  serial        {serial}" in lines
    assert any(line.startswith("  host port ") and line.endswith(f":443 serves {serial}") for line in lines)


def test_a_certificate_that_users_bring_is_served_and_its_key_shown_nowhere(run, brought):
    serial, entry = brought
    lines = summary(run)["brought"]
    assert lines[0] == "brought: served: https://brought.example.com/"
    assert f"  serial        {serial:x}" in lines
    assert [line for line in entry["private_key"].splitlines() if "---" not in line and line in run.output] == []


def test_what_the_application_answers_is_shown(host, run, address):
    served = host.check_output(
        f"openssl s_client -connect {address}:443 -servername api.example.com </dev/null | openssl x509 -noout -serial"
    )
    serial = served.partition("=")[2].lower().lstrip("0")
    lines = summary(run)["api"]
    assert lines[0] == "api: passed through: https://api.example.com/"
    assert any(f":443 serves {serial} until " in line for line in lines)


def test_an_application_without_tls_is_not_the_gateways_fault(run):
    lines = summary(run)["plain"]
    assert lines[0] == "plain: passed through: https://plain.example.com/"
    assert "serves no certificate (" in lines[-1]


def test_a_wildcard_is_asked_by_a_name_under_it(run):
    lines = summary(run)["wild"]
    assert lines[:2] == ["wild: served: https://*.wild.example.com/", "  asked as      edge-check.wild.example.com"]


def test_raw_manifests_are_shown_like_a_site(run):
    assert summary(run)["raw"][0] == "raw: served: https://raw.example.com/"


def test_a_second_run_changes_nothing(run, variables):
    again = runs.run(variables, *PARTS)
    assert (again.status, again.changed) == (0, 0), again.output[-4000:]


def test_what_is_no_longer_defined_is_deleted(host, run, variables, site):
    """Also Secrets that cert-manager wrote, if users say so, and never one of their own."""
    none = {key: [] for key in ("certificate_certificates", "certificate_provided", "gateway_gateways")}
    fewer = {**variables, **none, "edge_sites": [site], "certificate_prune_secrets": True}
    assert runs.run(fewer, *PARTS).status == 0
    left = kubectl(host, "get gateways.networking.istio.io,virtualservices,certificates,secrets --output name").split()
    names = {name.partition("/")[2] for name in left}
    assert {site["name"], "mine"} <= names
    assert names & {"own", "brought", "api", "plain", "wild", "raw", "wild-redirect"} == set()
    secrets = {name.partition("/")[2] for name in left if name.startswith("secret/")}
    assert secrets & {"wild", "raw", "corporate"} == set()


@pytest.fixture
def raw(variables):
    """Manifests of one's own and no site: a server for one name, and one for every name whose certificate is for a wildcard."""
    route = {"route": [{"destination": {"host": "web.default.svc.cluster.local", "port": {"number": 3000}}}]}
    star = copy.deepcopy(RAW)
    star["certificate_certificates"][0]["metadata"]["name"] = star["gateway_gateways"][0]["metadata"]["name"] = "star"
    star["certificate_certificates"][0]["spec"] |= {"secretName": "star-tls", "dnsNames": ["*.star.example.com"]}
    star["gateway_gateways"][0]["spec"]["servers"][0] |= {"hosts": ["*"], "tls": {"mode": "SIMPLE", "credentialName": "star-tls"}}
    hosts = {"raw": "raw.example.com", "star": "*.star.example.com"}
    services = [
        {"metadata": {"name": name}, "spec": {"hosts": [host], "gateways": [name], "http": [route]}} for name, host in hosts.items()
    ]
    both = {key: [*RAW[key], *star[key]] for key in RAW}
    return {**variables, **both, "edge_sites": [], "gateway_virtual_services": services}


@pytest.mark.matrix
def test_raw_manifests_alone_are_served(raw, address, site):
    """People bring their manifests and define no site."""
    alone = runs.run(raw)
    assert alone.failures == []
    assert alone.status == 0, alone.output[-4000:]
    found = summary(alone)
    assert found.keys() == {"raw", "star"}
    assert found["raw"][0] == "raw: served: https://raw.example.com/"
    assert found["star"][0].startswith("star: served: https://")
    for name in ("raw.example.com", "any.star.example.com"):
        assert visits.status_of(address, {"hosts": [name]})[0] == 200, name
    again = runs.run(raw)
    assert (again.status, again.changed) == (0, 0), again.output[-4000:]


@pytest.mark.matrix
def test_the_controller_talks_to_the_api(host, raw, address, tmp_path, monkeypatch):
    """As no host of the inventory, with its own Python, and with tools in a folder of the user's."""
    path = tmp_path / "kubeconfig"
    path.write_text(host.check_output("cat /etc/rancher/k3s/k3s.yaml").replace("127.0.0.1", address), encoding="utf-8")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    api = {"edge_api_host": "localhost", "edge_kubeconfig": str(path)}
    first = runs.run({**raw, **api})
    assert first.failures == []
    assert (tmp_path / "baremesh-edge/bin/helm").exists()
    assert summary(first).keys() == {"raw", "star"}
    again = runs.run({**raw, **api})
    assert (again.status, again.changed) == (0, 0), again.output[-4000:]
