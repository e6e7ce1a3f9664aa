# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of docs/routing.md, docs/tls-modes.md and docs/access.md, asked from outside by real clients."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest
import runs
from authority import Authority
from tokens import Issuer

HERE = Path(__file__).parent
PARTS = ("--tags", "cert_manager,certificate,gateway,report")
PORTS = {"nas": 8090, "old": 8453}
SHOP = "shop.example.com"
WEB = {"issuer": "own-ca", "routes": [{"service": "web.default", "port": 3000}]}
VERSIONS = [
    {"name": "modern", "hosts": ["modern.example.com"], "tls": {"min_version": "1.3"}, **WEB},
    {"name": "older", "hosts": ["older.example.com"], "tls": {"max_version": "1.2"}, **WEB},
]
LIMIT = 60


def kubectl(host, *arguments, namespace="istio-ingress"):
    return host.check_output(f"k3s kubectl --namespace {namespace} " + " ".join(arguments))


def place(host, name, text):
    """Write a file on the host."""
    host.check_output("echo %s | base64 --decode > /root/%s", base64.b64encode(text.encode()).decode(), name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="module")
def partners(folder):
    return Authority("partners", folder)


@pytest.fixture(scope="module")
def members(folder):
    return Authority("members", folder)


@pytest.fixture(scope="module")
def outside(host, folder):
    """Servers on the host that are no part of the cluster, and the authority of the one with TLS."""
    authority = Authority("machines", folder)
    _certificate, (pair, key) = authority.issue("old", hosts=["old.example.org", "nas.example.com", "old.example.com"])
    place(host, "outside.py", (HERE / "outside.py").read_text(encoding="utf-8"))
    place(host, "old.pem", pair.read_text(encoding="ascii"))
    place(host, "old.key", key.read_text(encoding="ascii"))
    place(host, "machines.pem", authority.pem)
    for name, port in PORTS.items():
        files = "/root/old.pem /root/old.key" if name == "old" else ""
        host.check_output(f"systemd-run --collect --unit outside-{name} /usr/bin/python3 /root/outside.py {name} {port} {files}")
    yield authority
    host.check_output(f"systemctl stop {' '.join(f'outside-{name}' for name in PORTS)}")


@pytest.fixture(scope="module")
def revoked(partners):
    return partners.issue("revoked")


@pytest.fixture(scope="module")
def login():
    return Issuer("https://login.example.com")


@pytest.fixture(scope="module")
def own_address(host):
    """Address of the tests, as the host sees it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host.backend.get_variables()["ansible_host"], 443))
        return probe.getsockname()[0]


@pytest.fixture(scope="module")
def variables(host, outside, partners, members, revoked, login, own_address):
    """The examples, and what they ask of the reader."""
    place(host, "catalog.yml", (HERE / "catalog.yml").read_text(encoding="utf-8"))
    place(host, "members.pem", members.pem)
    kubectl(host, "apply --filename /root/catalog.yml", namespace="default")
    kubectl(host, "create secret generic member-authority --from-file ca.crt=/root/members.pem")
    kubectl(host, "create secret generic old-authority --from-file ca.crt=/root/machines.pem")
    for version in ("v1", "v2"):
        kubectl(host, f"rollout status deployment catalog-{version} --timeout 120s", namespace="default")
    routing, modes, access = runs.example("routing"), runs.example("tls-modes"), runs.example("access")
    return {
        **routing,
        "edge_sites": [*routing["edge_sites"], *modes["edge_sites"], *access["edge_sites"], *VERSIONS],
        "office_networks": [own_address],
        "login_keys": login.keys,
        "nas_address": host.backend.get_variables()["ansible_host"],
        "partner_authority": partners.pem,
        "partner_revoked": partners.revoked(revoked[0]),
    }


@pytest.fixture(scope="module", autouse=True)
def run(host, variables, site):
    found = runs.run(variables, *PARTS)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    yield found
    issuers = host.backend.get_variables()["cert_manager_issuers"]
    last = runs.run({"edge_sites": [site], "cert_manager_issuers": issuers, "certificate_prune_secrets": True}, *PARTS)
    assert last.status == 0, last.output[-4000:]
    kinds = (
        "gateways.networking.istio.io,virtualservices,destinationrules,serviceentries,certificates,authorizationpolicies,"
        "requestauthentications"
    )
    left = {name.partition("/")[2] for name in kubectl(host, f"get {kinds} --output name").split()}
    assert not {
        name for name in left if name.startswith(("shop", "former", "both", "partners", "members", "passed", "office", "orders", "ledger"))
    }, left
    kubectl(host, "delete secret member-authority old-authority")
    kubectl(host, "delete --filename /root/catalog.yml --wait=false", namespace="default")


@pytest.fixture
def curl(address):
    return curl_at(address)


def curl_at(address):
    """Return a function that asks for a path of a name by curl, and returns status, headers and lines of the answer."""

    def ask(name, path="/", *arguments):
        port = 80 if "--plain" in arguments else 443
        url = f"{'http' if port == 80 else 'https'}://{name}{path}"
        command = ["curl", "--silent", "--insecure", "--include", "--max-time", "20", "--resolve", f"{name}:{port}:{address}"]
        text = subprocess.run(
            [*command, *(word for word in arguments if word != "--plain"), url], capture_output=True, text=True, check=False
        ).stdout
        head, _blank, body = text.replace("\r", "").partition("\n\n")
        first, *lines = head.split("\n")
        status = int(first.split()[1]) if " " in first else 0
        headers = {key.lower(): value.strip() for key, _colon, value in (line.partition(":") for line in lines)}
        return status, {**headers, "": first}, body.splitlines()

    return ask


@pytest.fixture
def handshake(address):
    """A function that shows the certificate that a client gets."""

    def ask(name, *arguments):
        client = ["openssl", "s_client", "-connect", f"{address}:443", "-servername", name, *arguments]
        shown = subprocess.run(client, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
        certificate = re.search("-----BEGIN.*END CERTIFICATE-----", shown, re.DOTALL)
        reader = ["openssl", "x509", "-noout", "-text"]
        return subprocess.run(reader, input=certificate.group(), capture_output=True, text=True, check=True).stdout if certificate else ""

    return ask


def watch(condition):
    """Wait until a condition holds: Envoy gets its routes a moment after the API server has them."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it does not come to hold"


# --- routing


def test_testers_get_the_next_version(curl):
    watch(lambda: curl(SHOP)[0] == 200)
    for path in ("/", "/login", "/anything?x=1"):
        status, _headers, lines = curl(SHOP, path, "--header", "X-Tester: me")
        assert (status, lines[0]) == (200, "catalog-v2")


def test_requests_are_shared_by_weight(curl):
    answers = [curl(SHOP)[2][0] for _number in range(100)]
    assert set(answers) == {"catalog-v1", "catalog-v2"}
    # Far from certain to be 20, and as good as certain to be in between.
    assert 4 <= answers.count("catalog-v2") <= 45


@pytest.mark.parametrize(
    ("path", "arguments", "status", "first"),
    [
        ("/", ("--request", "DELETE"), 403, "Read only."),
        ("/?beta=1", (), 200, "web"),
        ("/v2/items?a=b", (), 200, "api"),
        ("/api/x", (), 200, "api"),
        ("/broken/x", (), 503, "fault filter abort"),
        ("/nas/share", (), 200, "nas"),
        ("/old/archive", (), 200, "old"),
    ],
)
def test_who_answers(curl, path, arguments, status, first):
    found, _headers, lines = curl(SHOP, path, *arguments)
    assert (found, lines[0]) == (status, first)


@pytest.mark.parametrize("path", ["/?beta=2", "/?beta=", "/v/items", "/brokenx", "/login/x"])
def test_what_is_near_by_goes_the_usual_way(curl, path):
    status, _headers, lines = curl(SHOP, path)
    assert (status, lines[0].startswith("catalog-v")) == (200, True)


@pytest.mark.parametrize("path", ["/login", "/LOGIN"])
def test_clients_are_sent_elsewhere(curl, path):
    status, headers, _lines = curl(SHOP, path)
    assert (status, headers["location"]) == (308, f"https://{SHOP}/account/login")
    status, headers, _lines = curl("former.example.com", "/a?b=c")
    assert (status, headers["location"]) == (301, f"https://{SHOP}/a?b=c")


def test_paths_and_names_are_rewritten(curl):
    assert "path: /items?a=b" in curl(SHOP, "/v2/items?a=b")[2]
    # A server outside knows its own name only.
    assert curl(SHOP, "/nas/share")[2][1:] == ["host: nas.example.org", "path: /share"]
    assert curl(SHOP, "/old/archive")[2][1:] == ["host: old.example.org", "path: /archive"]


def test_pages_of_one_other_site_may_ask(curl):
    ask = ("--request", "OPTIONS", "--header", "Access-Control-Request-Method: PUT", "--header")
    _status, headers, _lines = curl(SHOP, "/api/x", *ask, "Origin: https://app.example.com")
    assert headers["access-control-allow-origin"] == "https://app.example.com"
    assert (headers["access-control-allow-methods"], headers["access-control-max-age"]) == ("GET,PUT", "3600")
    assert "access-control-allow-origin" not in curl(SHOP, "/api/x", *ask, "Origin: https://other.example.com")[1]
    assert curl(SHOP, "/api/x")[1]["cache-control"] == "no-store"


def test_faults_are_seen_by_clients(curl):
    begin = time.monotonic()
    assert curl(SHOP, "/slow/x")[0] == 200
    assert time.monotonic() - begin >= 2


def copies(host):
    """Requests to the service that gets copies, as the gateway counts them."""
    clusters = kubectl(host, "exec deployment/istio-ingress -- pilot-agent request GET clusters")
    return sum(map(int, re.findall(r"outbound\|8003\|\|workflow\S*::rq_total::(\d+)", clusters)))


def test_copies_are_sent(host, curl):
    before = copies(host)
    for _number in range(5):
        assert curl(SHOP, "/copied/x")[2][0] == "web"
    watch(lambda: copies(host) >= before + 5)


def test_a_server_outside_that_is_not_the_named_one_gets_nothing(host, curl, outside):
    """Its certificate is for another name: the gateway closes the connection instead of sending the request."""
    _certificate, (pair, key) = outside.issue("impostor", hosts=["impostor.example.org"])
    place(host, "impostor.pem", pair.read_text(encoding="ascii"))
    place(host, "impostor.key", key.read_text(encoding="ascii"))
    start = "systemctl stop outside-old; systemd-run --collect --unit outside-old /usr/bin/python3 /root/outside.py old 8453"
    host.check_output(f"{start} /root/impostor.pem /root/impostor.key")
    try:
        # It runs, so that what keeps requests from it is its certificate.
        shown = "openssl s_client -connect 127.0.0.1:8453 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName"
        watch(lambda: "DNS:impostor.example.org" in host.run(shown).stdout)
        watch(lambda: curl(SHOP, "/old/archive")[0] == 503)
        assert [curl(SHOP, "/old/archive")[0] for _ in range(5)] == [503] * 5
    finally:
        host.check_output(f"{start} /root/old.pem /root/old.key")
    watch(lambda: curl(SHOP, "/old/archive")[0] == 200)


# --- TLS


@pytest.mark.parametrize(
    ("suite", "key"), [("ECDHE-ECDSA-AES128-GCM-SHA256", "id-ecPublicKey"), ("ECDHE-RSA-AES128-GCM-SHA256", "rsaEncryption")]
)
def test_each_client_gets_the_certificate_that_it_understands(handshake, suite, key):
    shown = handshake("both.example.com", "-tls1_2", "-cipher", suite)
    assert f"Public Key Algorithm: {key}" in shown
    assert "DNS:both.example.com" in shown


@pytest.mark.parametrize(("suite", "served"), [("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-AES256-GCM-SHA384", False)])
def test_a_site_may_choose_its_suites(handshake, suite, served):
    assert bool(handshake("members.example.com", "-tls1_2", "-cipher", suite)) is served


@pytest.mark.parametrize(
    ("name", "version", "served"),
    [("modern", "-tls1_3", True), ("modern", "-tls1_2", False), ("older", "-tls1_2", True), ("older", "-tls1_3", False)],
)
def test_a_site_may_choose_its_versions(handshake, name, version, served):
    assert bool(handshake(f"{name}.example.com", version)) is served


def test_browsers_are_kept_to_tls(curl):
    assert curl("both.example.com")[1]["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    status, headers, _lines = curl("both.example.com", "/", "--plain")
    assert (status, "strict-transport-security" in headers) == (301, False)
    assert "strict-transport-security" not in curl(SHOP)[1]


@pytest.mark.parametrize(("version", "line"), [("--http1.1", "HTTP/1.1 200 OK"), ("--http2", "HTTP/2 200")])
def test_both_versions_of_http_are_served(curl, version, line):
    assert curl("both.example.com", "/", version)[1][""].strip() == line


def shown(paths):
    return "--cert", str(paths[0]), "--key", str(paths[1])


def test_partners_with_a_valid_certificate_are_served(curl, partners):
    status, _headers, lines = curl("partners.example.com", "/", *shown(partners.issue("valid")[1]))
    assert (status, lines[0]) == (200, "web")


def test_no_others_are(curl, partners, members, revoked):
    expired = partners.issue("expired", begin=-9, end=-2)[1]
    later = partners.issue("later", begin=2, end=9)[1]
    for paths in (None, members.issue("stranger")[1], expired, later, revoked[1]):
        status, _headers, lines = curl("partners.example.com", "/", *(shown(paths) if paths else ()))
        assert (status, lines) == (0, []), paths


def test_the_application_sees_who_a_member_is(curl, members, partners):
    claim = ("--header", 'X-Forwarded-Client-Cert: Subject="CN=boss"')
    status, _headers, lines = curl("members.example.com", "/", *claim, *shown(members.issue("alice")[1]))
    identity = next(line for line in lines if line.startswith("x-forwarded-client-cert: "))
    assert (status, 'Subject="CN=alice"' in identity, "boss" in identity) == (200, True, False)
    # Who shows none is served too, and cannot claim to be anybody.
    status, _headers, lines = curl("members.example.com", "/", *claim)
    assert (status, "x-forwarded-client-cert: " in lines) == (200, True)
    assert curl("members.example.com", "/", *shown(partners.issue("other")[1]))[0] == 0


@pytest.mark.parametrize(
    ("name", "holder"), [("cluster.example.com", "DNS:kubernetes"), ("nas.example.com", "CN = old"), ("old.example.com", "CN = old")]
)
def test_applications_end_tls_for_their_names(handshake, name, holder):
    assert holder in handshake(name)


# --- the run itself


def test_a_second_run_changes_nothing(variables):
    again = runs.run(variables, *PARTS)
    assert (again.status, again.changed) == (0, 0), again.output[-4000:]


def test_rules_of_a_service_are_for_the_gateway_alone(host):
    rules = json.loads(kubectl(host, "get destinationrules,serviceentries --output json"))["items"]
    assert {rule["metadata"]["name"]: rule["spec"]["exportTo"] for rule in rules} == {
        "shop.catalog.default.svc.cluster.local": ["."],
        "shop.nas.example.org": ["."],
        "shop.old.example.org": ["."],
        "passed.tls.example.org": ["."],
    }


# --- who may use a site


def bearer(token):
    return "--header", f"Authorization: Bearer {token}"


def test_visitors_from_the_right_network_are_served(curl):
    watch(lambda: curl("office.example.com")[0] == 200)


@pytest.mark.parametrize(
    "arguments", [(), ("--header", "X-Forwarded-For: 198.51.100.7"), ("--header", "X-Envoy-External-Address: 198.51.100.7")]
)
def test_visitors_from_elsewhere_are_refused_whatever_they_say(curl, login, arguments):
    status, _headers, lines = curl("ledger.example.com", "/", *bearer(login.token("ledger")), *arguments)
    assert (status, lines) == (403, ["RBAC: access denied"])


def test_the_name_of_an_open_site_does_not_help(curl):
    status, _headers, lines = curl(SHOP, "/", "--header", "Host: ledger.example.com")
    assert (status, lines) == (404, [])


def test_a_right_token_is_served_and_passed_on(curl, login):
    status, _headers, lines = curl("orders.example.com", "/", *bearer(login.token("orders")))
    assert (status, lines[0]) == (200, "web")


def test_requests_without_a_right_token_are_refused(curl, login):
    stranger = Issuer(login.name)
    asked = {
        "none": (),
        "for another site": bearer(login.token("shop")),
        "without a subject": bearer(login.token("orders", sub="")),
        "ended": bearer(login.token("orders", seconds=-600)),
        "of another key": bearer(stranger.token("orders")),
        "of another issuer": bearer(login.token("orders", iss="https://evil.example.com")),
        "no token": bearer("nothing"),
    }
    assert {name: curl("orders.example.com", "/", *arguments)[0] for name, arguments in asked.items()} == {
        **dict.fromkeys(("none", "for another site", "without a subject"), 403),
        **dict.fromkeys(("ended", "of another key", "of another issuer", "no token"), 401),
    }


def test_other_sites_are_for_everybody(curl):
    assert curl(SHOP)[0] == 200


def test_port_80_is_for_everybody(curl):
    """Authorities visit it, from addresses that they do not say."""
    assert curl("ledger.example.com", "/.well-known/acme-challenge/x", "--plain")[0] == 301
