# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts from repositories and registries on this machine, which note what they were asked with."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import ssl
import threading
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._net import charts, fetch
from ansible_collections.baremesh.edge.tests.unit.plugins.builders import key_pem, self_signed

ISTIOD = b"a packed chart"
DIGEST = hashlib.sha256(ISTIOD).hexdigest()
BASIC = f"Basic {base64.b64encode(b'me:p@ss/w').decode()}"


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers from a table; with a guard only requests that have this header."""

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Authorization")))
        guard = server.guards.get(self.path.split("?")[0], server.guard)
        if guard and self.headers.get("Authorization") != guard[0]:
            status, headers, body = guard[1], guard[2], b""
        else:
            status, headers, body = server.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def ca(tmp_path):
    certificate = self_signed("localhost")
    (tmp_path / "pair.pem").write_bytes(key_pem("peer") + certificate)
    (tmp_path / "ca.pem").write_bytes(certificate)
    return tmp_path / "ca.pem"


@pytest.fixture
def serve(ca, monkeypatch):
    """A function that starts a server, over TLS or not."""
    monkeypatch.setenv("no_proxy", "localhost")
    started = []

    def serve(tls=True):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        server.asked, server.answers, server.guard, server.guards = [], {}, None, {}
        server.place = f"localhost:{server.server_port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(ca.parent / "pair.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        started.append((server, thread))
        return server

    yield serve
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


def index(url="istiod-1.31.1.tgz", version="1.31.1", digest=DIGEST, **more):
    entry = {"version": version, "urls": [url], **({"digest": digest} if digest else {}), **more}
    older = {"version": "1.30.0", "urls": ["istiod-1.30.0.tgz"]}
    return (200, {}, json.dumps({"apiVersion": "v1", "entries": {"istiod": [older, entry]}}).encode())


@pytest.fixture
def repository(serve):
    server = serve()
    server.answers = {"/charts/index.yaml": index(), "/charts/istiod-1.31.1.tgz": (200, {}, ISTIOD)}
    return server


@pytest.fixture
def place(ca, tmp_path):
    def place(repository="", version="1.31.1", check=False, **options):
        given = {"folder": None, "sha256": {}, "pin_name": "istio_chart_sha256", "ca_path": str(ca), "timeout": 5, "dest": str(place.dest)}
        changed, paths = charts.place_charts({**given, "repository": repository, "charts": {"istiod": version}, **options}, check)
        return changed, paths["istiod"]

    place.dest = tmp_path / "charts"
    place.dest.mkdir()
    return place


def content(placed):
    return Path(placed[1]).read_bytes()


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    "url", ["istiod-1.31.1.tgz", "../charts/istiod-1.31.1.tgz", "/charts/istiod-1.31.1.tgz", "https://{place}/charts/istiod-1.31.1.tgz"]
)
def test_a_chart_is_found_by_the_index(repository, place, url, slash):
    repository.answers["/charts/index.yaml"] = index(url.replace("{place}", repository.place))
    changed, path = place(f"https://{repository.place}/charts{slash}")
    assert changed
    assert path == str(place.dest / "istiod-1.31.1.tgz")
    assert content((changed, path)) == ISTIOD
    assert [asked for asked, _with in repository.asked] == ["/charts/index.yaml", "/charts/istiod-1.31.1.tgz"]


@pytest.mark.parametrize(("listed", "given"), [("v1.31.1", "1.31.1"), ("1.31.1", "v1.31.1"), ("1.31.1+build.1", "1.31.1+build.1")])
def test_versions_with_and_without_their_letter_are_the_same(repository, place, listed, given):
    repository.answers["/charts/index.yaml"] = index(version=listed)
    assert content(place(f"https://{repository.place}/charts", given)) == ISTIOD


def test_an_index_is_yaml_in_which_versions_are_text(repository, place):
    text = f"entries: {{istiod: [{{version: 1.10, created: 2026-01-01T00:00:00Z, urls: [istiod-1.31.1.tgz], digest: {DIGEST}}}]}}"
    repository.answers["/charts/index.yaml"] = (200, {}, text.encode())
    assert content(place(f"https://{repository.place}/charts", "1.10")) == ISTIOD


def test_an_index_need_not_name_digests(repository, place):
    repository.answers["/charts/index.yaml"] = index(digest=None)
    assert content(place(f"https://{repository.place}/charts")) == ISTIOD


def test_a_password_is_sent_at_once_and_to_its_own_server_only(repository, serve, place):
    other = serve()
    other.answers["/istiod.tgz"] = (200, {}, ISTIOD)
    # As GitLab and others do: without a right password there is nothing.
    repository.guard = (BASIC, 404, {})
    repository.answers["/charts/index.yaml"] = index(f"https://{repository.place}/charts/moved.tgz")
    repository.answers["/charts/moved.tgz"] = (302, {"Location": f"https://{other.place}/istiod.tgz"}, b"")
    for password in ("p@ss%2Fw", "p%40ss%2Fw"):
        assert content(place(f"https://me:{password}@{repository.place}/charts")) == ISTIOD
    assert {given for _path, given in repository.asked} == {BASIC}
    assert {given for _path, given in other.asked} == {None}


def test_a_chart_on_another_server_is_asked_for_without_the_password(repository, serve, place):
    other = serve()
    other.answers["/istiod.tgz"] = (200, {}, ISTIOD)
    repository.answers["/charts/index.yaml"] = index(f"https://{other.place}/istiod.tgz")
    assert content(place(f"https://me:p%40ss%2Fw@{repository.place}/charts")) == ISTIOD
    assert other.asked == [("/istiod.tgz", None)]


def test_what_signs_the_address_of_the_index_signs_those_of_its_charts(repository, place):
    repository.answers = {f"{path}?sig=a": answer for path, answer in repository.answers.items()}
    assert content(place(f"https://{repository.place}/charts?sig=a")) == ISTIOD


def test_http_is_taken_with_a_pin_only(serve, place):
    server = serve(tls=False)
    server.answers = {"/index.yaml": index(digest="0" * 64), "/istiod-1.31.1.tgz": (200, {}, ISTIOD)}
    with pytest.raises(charts.ChartError, match=r"is not HTTPS.*: use https://, or name the digest in istio_chart_sha256\.$"):
        place(f"http://{server.place}")
    assert server.asked == []
    assert content(place(f"http://{server.place}", sha256={"istiod": f"sha256:{DIGEST.upper()}"})) == ISTIOD


def test_a_redirect_to_http_is_refused(repository, serve, place):
    plain = serve(tls=False)
    repository.answers["/charts/istiod-1.31.1.tgz"] = (302, {"Location": f"http://{plain.place}/a.tgz"}, b"")
    with pytest.raises(charts.ChartError, match="which is not HTTPS"):
        place(f"https://{repository.place}/charts")
    assert plain.asked == []


def test_a_chart_that_is_there_by_its_pin_is_not_fetched_again(repository, place):
    (place.dest / "istiod-1.31.1.tgz").write_bytes(ISTIOD)
    assert not place(f"https://{repository.place}/charts", sha256={"istiod": DIGEST})[0]
    assert repository.asked == []


def test_check_mode_asks_for_nothing(repository, place):
    assert place(f"https://{repository.place}/charts", check=True) == (True, str(place.dest / "istiod-1.31.1.tgz"))
    assert repository.asked == []


@pytest.mark.parametrize("pinned", [False, True])
def test_a_chart_that_was_changed_is_refused(repository, place, pinned):
    repository.answers["/charts/istiod-1.31.1.tgz"] = (200, {}, b"malice")
    with pytest.raises((charts.ChartError, fetch.DigestError)) as caught:
        place(f"https://me:hush@{repository.place}/charts", sha256={"istiod": DIGEST} if pinned else {})
    assert hashlib.sha256(b"malice").hexdigest() in str(caught.value)
    assert "hush" not in str(caught.value)
    if pinned:
        assert f"SHA-256 {DIGEST}, which istio_chart_sha256 has for the chart istiod. Nothing was installed." in str(caught.value)
    assert list(place.dest.iterdir()) == []


def test_a_chart_that_is_cut_broke_off(repository, place):
    repository.answers["/charts/index.yaml"] = index(digest=None)
    repository.answers["/charts/istiod-1.31.1.tgz"] = (200, {"Content-Length": "100"}, ISTIOD)
    with pytest.raises(fetch.FetchError, match=r"istiod-1.31.1.tgz broke off: 86 bytes are missing; run again\.$"):
        place(f"https://{repository.place}/charts")
    assert list(place.dest.iterdir()) == []


#: Lists of lists by aliases, which are 10^9 words once they are written out.
LISTS = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
BOMB = "\n".join(["a0: &a0 [lol]", *LISTS, "entries: {istiod: [{version: *a9, urls: [a]}, {version: 1.31.1, urls: *a9}]}"]).encode()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (index(version="1.31.0"), r"/charts has no version 1.31.1 of the chart istiod: it has 1.30.0, 1.31.0\.$"),
        ((200, {}, b'{"entries": {"base": []}}'), r"of the chart istiod: it has none of this chart\.$"),
        ((200, {}, b'{"entries": {"istiod": {"version": "1.31.1"}}}'), r"it has none of this chart\.$"),
        ((200, {}, b"<html>Log in</html>"), r"index.yaml does not have the form of an index of charts"),
        ((200, {}, b"entries: [a, b]"), r"index.yaml does not have the form of an index of charts"),
        ((200, {}, b"a: b: c"), r"index.yaml cannot be read: mapping values are not allowed"),
        ((200, {}, b"[" * 100_000), r"index.yaml cannot be read: (it is nested deeper than 100 levels|(?s:.)*maximum nesting depth)"),
        ((200, {}, BOMB), r"it has none of this chart\.$"),
        ((403, {}, b""), r"index.yaml cannot be read: HTTP Error 403: Forbidden; check the address of the repository and the version\.$"),
        (index("file:///etc/passwd"), r"names the chart file:///etc/passwd, which is not on a web server\.$"),
        (index("nowhere.tgz"), r"/charts/nowhere.tgz cannot be read: HTTP Error 404"),
    ],
)
def test_each_fault_of_a_repository_is_one_sentence(repository, place, answer, said):
    repository.answers["/charts/index.yaml"] = answer
    with pytest.raises((charts.ChartError, fetch.FetchError), match=said):
        place(f"https://{repository.place}/charts")


def test_a_repository_may_be_a_folder(place, tmp_path):
    (tmp_path / "index.yaml").write_bytes(index()[2])
    (tmp_path / "istiod-1.31.1.tgz").write_bytes(ISTIOD)
    assert content(place(f"file://{tmp_path}")) == ISTIOD


def test_a_folder_of_packed_charts_is_used_as_it_is(place, tmp_path):
    with pytest.raises(charts.ChartError, match=r"istiod-1.31.1.tgz is not there: put the packed chart into this folder\.$"):
        place(folder=str(tmp_path))
    (tmp_path / "istiod-1.31.1.tgz").write_bytes(ISTIOD)
    assert place(folder=str(tmp_path)) == (False, str(tmp_path / "istiod-1.31.1.tgz"))
    (tmp_path / "istiod-1.31.1.tgz").rename(tmp_path / "istiod-v1.31.1.tgz")
    assert place(folder=str(tmp_path), sha256={"istiod": DIGEST}) == (False, str(tmp_path / "istiod-v1.31.1.tgz"))
    with pytest.raises(charts.ChartError, match=rf"^None of istiod-v1.31.1.tgz {DIGEST} from {tmp_path} has the SHA-256 {'0' * 64}, which"):
        place(folder=str(tmp_path), sha256={"istiod": "0" * 64})


def test_a_pin_that_is_not_a_digest_is_refused(place):
    with pytest.raises(charts.ChartError, match="istio_chart_sha256 has 'abc' for istiod: it must be the 64 hex digits"):
        place("https://localhost:1", sha256={"istiod": "abc"})


MANIFEST = {
    "schemaVersion": 2,
    "layers": [
        {"mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov", "digest": f"sha256:{'1' * 64}"},
        {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": f"sha256:{DIGEST}"},
    ],
}


@pytest.fixture
def registry(serve):
    server = serve()
    server.answers = {
        "/v2/istio/istiod/manifests/1.31.1": (200, {}, json.dumps(MANIFEST).encode()),
        f"/v2/istio/istiod/blobs/sha256:{DIGEST}": (200, {}, ISTIOD),
    }
    return server


def test_a_chart_of_a_registry(registry, place):
    assert content(place(f"oci://{registry.place}/istio")) == ISTIOD


def test_a_build_is_part_of_the_tag(registry, place):
    registry.answers["/v2/istio/istiod/manifests/1.31.1_b.1"] = registry.answers["/v2/istio/istiod/manifests/1.31.1"]
    assert content(place(f"oci://{registry.place}/istio", "1.31.1+b.1")) == ISTIOD


@pytest.mark.parametrize("credentials", ["", "me:p%40ss%2Fw@"])
def test_a_token_is_fetched_with_the_password_and_is_for_the_registry_only(registry, serve, place, credentials):
    tokens, store = serve(), serve()
    tokens.answers["/token?service=registry&scope=repository%3Aistio%2Fistiod%3Apull"] = (200, {}, b'{"token": "t1"}')
    tokens.guard = (BASIC, 401, {}) if credentials else None
    challenge = f'Bearer realm="https://{tokens.place}/token",service="registry",scope="repository:istio/istiod:pull"'
    registry.guard = ("Bearer t1", 401, {"WWW-Authenticate": challenge})
    blob = f"/v2/istio/istiod/blobs/sha256:{DIGEST}"
    registry.answers[blob] = (307, {"Location": f"https://{store.place}/blob"}, b"")
    store.answers["/blob"] = (200, {}, ISTIOD)
    assert content(place(f"oci://{credentials}{registry.place}/istio")) == ISTIOD
    assert store.asked == [("/blob", None)]


def test_a_registry_may_take_the_password_itself(registry, place):
    registry.guard = (BASIC, 401, {"WWW-Authenticate": 'Basic realm="registry"'})
    assert content(place(f"oci://me:p%40ss%2Fw@{registry.place}/istio")) == ISTIOD
    with pytest.raises(charts.ChartError, match="cannot be read: HTTP Error 401"):
        place(f"oci://me:other@{registry.place}/istio")


def test_no_password_goes_to_plain_http_for_a_token(registry, serve, place):
    tokens = serve(tls=False)
    registry.guard = ("Bearer t1", 401, {"WWW-Authenticate": f'Bearer realm="http://{tokens.place}/token"'})
    with pytest.raises(charts.ChartError, match="is not HTTPS"):
        place(f"oci://me:hush@{registry.place}/istio", sha256={"istiod": DIGEST})
    assert tokens.asked == []


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"{}", r"/manifests/1.31.1 is not a Helm chart\."),
        (b'{"layers": [1, {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:0"}]}', "is not a Helm chart"),
        (b"<html>", "/manifests/1.31.1 is not JSON"),
        (b"[" * 100_000, "/manifests/1.31.1 is not JSON"),
    ],
)
def test_what_is_not_a_chart_in_a_registry(registry, place, manifest, said):
    registry.answers["/v2/istio/istiod/manifests/1.31.1"] = (200, {}, manifest)
    with pytest.raises(charts.ChartError, match=said):
        place(f"oci://{registry.place}/istio")
