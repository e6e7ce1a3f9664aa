# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import http.client
import http.server
import ssl
import threading
import urllib.error

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._net import fetch
from ansible_collections.baremesh.edge.tests.unit.plugins.builders import key_pem, self_signed


class Mirror(http.server.BaseHTTPRequestHandler):
    """Redirects where its server's table says, and serves every other path."""

    def do_GET(self):
        target = self.server.redirects.get(self.path)
        self.server.asked.append(self.path)
        self.server.tokens.append(self.headers.get("Authorization"))
        self.send_response(404 if target == 404 else self.server.code if target else 200)
        if isinstance(target, str):
            self.send_header("Location", target)
        self.send_header("Content-Length", "100" if "cut" in self.path else "4")
        self.end_headers()
        self.wfile.write(b"file")

    def log_message(self, *arguments):
        pass


class Servers:
    """A server of each scheme on this machine, and the certificate to trust."""

    def __init__(self, folder):
        certificate = self_signed("localhost")
        (folder / "pair.pem").write_bytes(key_pem("peer") + certificate)
        (folder / "ca.pem").write_bytes(certificate)
        self.ca = str(folder / "ca.pem")
        self.plain, self.tls = (http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) for _each in range(2))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "pair.pem")
        self.tls.socket = context.wrap_socket(self.tls.socket, server_side=True)
        self.http, self.https = f"http://localhost:{self.plain.server_port}", f"https://localhost:{self.tls.server_port}"
        for server in (self.plain, self.tls):
            server.redirects, server.asked, server.tokens, server.code = {}, [], [], 302

    def read(self, url, pinned=False, headers=None):
        with fetch.open_file(url, 5, self.ca, pinned, headers) as stream:
            return stream.read()


@pytest.fixture
def servers(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "localhost")
    servers = Servers(tmp_path)
    threads = [threading.Thread(target=server.serve_forever) for server in (servers.plain, servers.tls)]
    for thread in threads:
        thread.start()
    yield servers
    for server, thread in zip((servers.plain, servers.tls), threads):
        server.shutdown()
        thread.join()
        server.server_close()


def test_https_is_read_and_its_redirects_are_followed(servers):
    servers.tls.redirects = {"/a": "/b", "/b": f"{servers.https}/c"}
    assert servers.read(f"{servers.https}/a") == b"file"
    assert servers.tls.asked == ["/a", "/b", "/c"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_each_kind_of_redirect_is_followed(servers, code):
    servers.tls.redirects, servers.tls.code = {"/a": "/b"}, code
    assert servers.read(f"{servers.https}/a") == b"file"


@pytest.mark.parametrize("code", [300, 304])
def test_what_is_no_redirect_is_not_followed(servers, code):
    servers.tls.redirects, servers.tls.code = {"/a": "/b"}, code
    with pytest.raises(urllib.error.HTTPError):
        servers.read(f"{servers.https}/a")


def test_a_header_goes_along_to_its_own_server_only(servers):
    """Whichever of the two addresses comes first in an order."""
    given = {"Authorization": "Bearer hush"}
    servers.tls.redirects = {"/a": "/b", "/b": f"{servers.http}/c"}
    servers.read(f"{servers.https}/a", pinned=True, headers=given)
    assert (servers.tls.tokens, servers.plain.tokens) == (["Bearer hush"] * 2, [None])
    servers.plain.redirects = {"/x": f"{servers.https}/y"}
    servers.read(f"{servers.http}/x", pinned=True, headers=given)
    assert (servers.tls.tokens[2:], servers.plain.tokens[1:]) == ([None], ["Bearer hush"])


def test_a_redirect_to_http_is_refused_before_it_is_asked(servers):
    servers.tls.redirects = {"/a": f"{servers.http}/b"}
    with pytest.raises(fetch.InsecureError, match=rf"^{servers.https}/a redirects to {servers.http}/b, which is not HTTPS"):
        servers.read(f"{servers.https}/a")
    assert servers.plain.asked == []


def test_a_way_through_http_that_ends_at_https_is_refused_too(servers):
    servers.tls.redirects = {"/a": f"{servers.http}/b"}
    servers.plain.redirects = {"/b": f"{servers.https}/c"}
    with pytest.raises(fetch.InsecureError):
        servers.read(f"{servers.https}/a")


@pytest.mark.parametrize("scheme", ["http", "HTTP", "ftp"])
def test_other_schemes_are_refused_without_a_digest(scheme):
    with pytest.raises(fetch.InsecureError, match="is not HTTPS, so that anyone on the way could replace the file"):
        fetch.open_file(f"{scheme}://localhost:1/a", 5)


def test_what_is_pinned_may_come_any_way(servers):
    servers.tls.redirects = {"/a": f"{servers.http}/b"}
    assert servers.read(f"{servers.https}/a", pinned=True) == b"file"
    assert servers.read(f"{servers.http}/a", pinned=True) == b"file"


def test_no_redirect_leads_to_a_file_of_the_host(servers):
    servers.tls.redirects = {"/a": "file:///etc/hostname"}
    with pytest.raises(fetch.InsecureError, match="which is no web server"):
        servers.read(f"{servers.https}/a", pinned=True)


def test_a_circle_ends(servers):
    servers.tls.redirects = {"/a": "/a"}
    with pytest.raises(OSError, match="redirects more than 10 times"):
        servers.read(f"{servers.https}/a")


def test_a_file_that_is_not_there_is_an_answer_as_before(servers):
    servers.tls.redirects = {"/a": 404}
    with pytest.raises(urllib.error.HTTPError):
        servers.read(f"{servers.https}/a")


def test_no_password_is_repeated():
    with pytest.raises(fetch.InsecureError) as caught:
        fetch.open_file("http://me:hush@localhost:1/a", 5)
    assert "hush" not in str(caught.value)


def test_a_list_that_is_cut_broke_off(servers):
    with fetch.open_file(servers.https + "/cut", 5, servers.ca) as stream, pytest.raises(fetch.FetchError, match="broke off: 96 bytes are"):
        fetch.read_text(stream, servers.https + "/cut")


@pytest.mark.parametrize("error", [http.client.IncompleteRead(b"fi", 2), ConnectionResetError("reset"), ssl.SSLError("bad record")])
def test_a_body_that_breaks_off_is_one_sentence(error, tmp_path):
    """http.client's errors are no OSError."""

    class Broken:
        def read(self, _size):
            raise error

    with pytest.raises(fetch.FetchError, match=r"https://mirror/k3s broke off: .*; run again"):
        fetch.place(Broken(), "https://mirror/k3s", str(tmp_path / "part"), str(tmp_path / "file"), 0o644, "0" * 64)
    with pytest.raises(fetch.FetchError, match="https://mirror/sums broke off"):
        fetch.read_text(Broken(), "https://mirror/sums")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("base", "target", "url"),
    [
        ("https://me:pw@a.example.com/x/", "b.tgz", "https://me:pw@a.example.com/x/b.tgz"),
        ("https://me:pw@a.example.com/x/", "https://A.example.com/b.tgz", "https://me:pw@a.example.com/b.tgz"),
        ("https://me:pw@a.example.com/x/", "//a.example.com/b.tgz", "https://me:pw@a.example.com/b.tgz"),
        ("https://me:pw@a.example.com/x/", "http://a.example.com/b.tgz", "http://a.example.com/b.tgz"),
        ("https://me:pw@a.example.com/x/", "https://a.example.com:8443/b.tgz", "https://a.example.com:8443/b.tgz"),
        ("https://me:pw@a.example.com/x/", "https://b.example.com/b.tgz", "https://b.example.com/b.tgz"),
        ("https://me:pw@a.example.com/x/", "https://you:own@a.example.com/b.tgz", "https://you:own@a.example.com/b.tgz"),
        ("https://a.example.com/x/", "https://b.example.com/b.tgz?c=d", "https://b.example.com/b.tgz?c=d"),
    ],
)
def test_a_password_goes_along_to_its_own_server_only(base, target, url):
    assert fetch.joined(base, target) == url


def test_a_server_that_asks_for_digest_authentication_is_asked_in_its_way(monkeypatch):
    asked = []

    def open_url(url, force_basic_auth=False, url_username="", url_password="", **_options):
        asked.append((url, url_username, url_password, force_basic_auth))
        if force_basic_auth:
            raise urllib.error.HTTPError(url, 401, "Unauthorized", {"www-authenticate": 'Digest realm="mirror"'}, None)

    monkeypatch.setattr(fetch, "open_url", open_url)
    fetch.open_file("https://me:p%40ss@mirror/k3s", 5)
    assert asked == [("https://mirror/k3s", "me", "p@ss", True), ("https://mirror/k3s", "me", "p@ss", False)]


def test_a_full_disk_is_named_whatever_is_fetched(tmp_path):
    class Full:
        def read(self, _size):
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(fetch.FetchError, match=rf"disk of {tmp_path}: enlarge it, or remove from it what is not needed\.$"):
        fetch.place(Full(), "https://mirror/istiod.tgz", str(tmp_path / "part"), str(tmp_path / "file"), 0o644, None)


def test_a_large_file_is_not_read_at_once(tmp_path):
    """Image archives are larger than the memory of small hosts."""
    sizes = []

    class Large:
        left = 3 << 20

        def read(self, size):
            sizes.append(size)
            given, self.left = min(size, self.left), max(0, self.left - size)
            return b"x" * given

    fetch.place(Large(), "https://mirror/images.tar", str(tmp_path / "part"), str(tmp_path / "file"), 0o644, None)
    assert (tmp_path / "file").stat().st_size == 3 << 20
    assert all((1 << 16) <= size <= (1 << 24) for size in sizes)
