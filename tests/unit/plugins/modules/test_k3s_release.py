# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import functools
import hashlib
import io
import json
import os
import urllib.error

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import placer
from ansible_collections.baremesh.edge.plugins.module_utils._net import fetch
from ansible_collections.baremesh.edge.plugins.modules import k3s_release
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run

VERSION = "v1.34.4+k3s1"
URL = "https://mirror.example.com/k3s"
BINARY, IMAGES, MORE = b"binary", b"images", b"more images"


def digest(content):
    return hashlib.sha256(content).hexdigest()


class Mirror:
    """A web server with releases; it counts what is fetched."""

    def __init__(self):
        self.files = {}
        self.fetched = []
        self.options = []
        self.publish(VERSION, BINARY)
        self.files["https://example.com/more.tar"] = MORE

    def publish(self, version, binary, sums=None):
        base = f"{URL}/{version.replace('+', '%2B')}"
        self.files[f"{base}/k3s"] = binary
        self.files[f"{base}/k3s-airgap-images-amd64.tar.zst"] = IMAGES
        self.files[f"{base}/sha256sum-amd64.txt"] = (
            sums or f"{digest(IMAGES)}  k3s-airgap-images-amd64.tar.zst\n{digest(binary)}  k3s\n"
        ).encode()

    def open(self, url, **options):
        self.options.append(options)
        self.fetched.append(url.rsplit("/", 1)[1])
        if url not in self.files:
            raise urllib.error.HTTPError(url, 404, "Not Found", {}, None)
        return io.BytesIO(self.files[url])


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host and a mirror; place(...) runs the module there."""

    class Host:
        mirror = Mirror()
        bin_dir = tmp_path / "bin"
        images = tmp_path / "data" / "agent" / "images"
        state = tmp_path / "state"
        root = tmp_path / "root"
        says = ""

        def place(self, check=False, **options):
            options = {"version": VERSION, "url": URL, **options}
            return run(monkeypatch, k3s_release, check=check, bin_dir=str(self.bin_dir), data_dir=str(tmp_path / "data"), **options)

    monkeypatch.setattr(k3s_release, "Placer", functools.partial(placer.Placer, state_dir=str(Host.state), root=str(Host.root)))
    monkeypatch.setattr(k3s_release.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(k3s_release.EdgeModule, "get_bin_path", lambda *_args, **_more: None)
    monkeypatch.setattr(k3s_release.EdgeModule, "run_command", lambda *_args, **_more: (0, Host.says, ""))
    monkeypatch.setattr(fetch, "open_url", Host.mirror.open)
    return Host()


def test_a_release_is_placed_with_its_links(host):
    result = host.place()
    assert result["changed"]
    assert result["restart_needed"]
    assert result["sha256"] == digest(BINARY)
    assert (host.bin_dir / "k3s").read_bytes() == BINARY
    assert (host.bin_dir / "k3s").stat().st_mode & 0o777 == 0o755
    assert (host.bin_dir / "kubectl").readlink().name == "k3s"
    assert not host.images.exists()


def test_a_second_run_asks_the_network_nothing(host):
    host.place(airgap_images=True)
    host.mirror.fetched.clear()
    result = host.place(airgap_images=True)
    assert not result["changed"]
    assert host.mirror.fetched == []


def test_images_and_further_archives_are_placed(host):
    archive = {"url": "https://example.com/more.tar", "checksum": f"sha256:{digest(MORE)}"}
    result = host.place(airgap_images=True, archives=[archive])
    assert (host.images / "k3s-airgap-images-amd64.tar.zst").read_bytes() == IMAGES
    assert (host.images / "more.tar").read_bytes() == MORE
    assert len(result["placed"]) == 6
    host.mirror.fetched.clear()
    assert not host.place(airgap_images=True, archives=[archive])["changed"]
    assert host.mirror.fetched == []


def test_another_archive_does_not_restart_k3s(host):
    host.place()
    result = host.place(archives=[{"url": "https://example.com/more.tar", "checksum": digest(MORE)}])
    assert result["changed"]
    assert not result["restart_needed"]


def test_a_binary_that_was_changed_by_hand_is_replaced(host):
    host.place()
    (host.bin_dir / "k3s").write_bytes(b"broken")
    result = host.place()
    assert result["restart_needed"]
    assert (host.bin_dir / "k3s").read_bytes() == BINARY


def test_a_file_with_another_checksum_replaces_nothing(host):
    host.place()
    host.mirror.publish("v1.34.5+k3s1", b"tampered", f"{'0' * 64}  k3s\n")
    result = host.place(version="v1.34.5+k3s1")
    assert result["failed"]
    assert f"has the SHA-256 {digest(b'tampered')}, but {'0' * 64} is expected" in result["msg"]
    assert (host.bin_dir / "k3s").read_bytes() == BINARY
    assert sorted(path.name for path in host.bin_dir.iterdir()) == ["crictl", "ctr", "k3s", "kubectl"]


def test_a_release_that_the_mirror_lacks_is_named(host):
    result = host.place(version="v1.34.9+k3s1")
    assert result["failed"]
    assert "v1.34.9%2Bk3s1/sha256sum-amd64.txt cannot be read: HTTP Error 404" in result["msg"]
    assert "k3s_version (v1.34.9+k3s1)" in result["msg"]


def test_a_release_without_the_binary_is_named(host):
    host.mirror.publish("v1.34.5+k3s1", b"x", f"{'0' * 64}  k3s-arm64\n")
    assert "lists no checksum for k3s:" in host.place(version="v1.34.5+k3s1")["msg"]


@pytest.mark.parametrize("version", ["v1.34.3+k3s1", "v1.33.9+k3s1"])
def test_a_downgrade_is_refused_unless_allowed(host, version):
    host.place()
    host.mirror.publish(version, b"older")
    host.mirror.fetched.clear()
    result = host.place(version=version)
    assert "cannot be downgraded" in result["msg"]
    assert host.mirror.fetched == []
    assert host.place(version=version, allow_any_version_step=True)["previous_version"] == VERSION


def test_a_version_of_another_form_is_refused(host):
    assert "must have the form" in host.place(version="1.34.4")["msg"]


def test_a_checksum_of_another_form_is_refused(host):
    result = host.place(archives=[{"url": "https://example.com/more.tar", "checksum": "md5:1"}])
    assert "https://example.com/more.tar is 'md5:1'" in result["msg"]


def test_check_mode_fetches_and_writes_nothing(host):
    result = host.place(check=True, airgap_images=True)
    assert result["changed"]
    assert str(host.bin_dir / "k3s") in result["placed"]
    assert host.mirror.fetched == []
    assert not host.bin_dir.exists()
    assert not host.state.exists()


def test_a_run_that_died_before_its_note_only_reads_the_sums_again(host):
    host.place()
    (host.state / "release.json").unlink()
    host.mirror.fetched.clear()
    result = host.place()
    assert not result["changed"]
    assert host.mirror.fetched == ["sha256sum-amd64.txt"]


def test_a_release_in_a_local_folder_needs_no_network(host, tmp_path):
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "k3s").write_bytes(BINARY)
    (folder / "sha256sum-amd64.txt").write_text(f"{digest(BINARY)}  k3s\n")
    assert host.place(local_dir=str(folder))["changed"]
    assert host.mirror.fetched == []
    assert not host.place(local_dir=str(folder))["changed"]


def test_a_local_folder_without_the_release_is_named(host, tmp_path):
    assert "k3s_airgap_dir must hold the files of" in host.place(local_dir=str(tmp_path / "none"))["msg"]


def test_a_command_that_exists_is_not_hidden_by_a_link(host, monkeypatch):
    monkeypatch.setattr(
        k3s_release.EdgeModule, "get_bin_path", lambda _self, name, *_args, **_more: "/usr/bin/ctr" if name == "ctr" else None
    )
    host.place()
    assert not (host.bin_dir / "ctr").exists()
    assert (host.bin_dir / "crictl").is_symlink()


def test_a_broken_note_is_no_note(host):
    host.place()
    (host.state / "release.json").write_text("{")
    assert not host.place()["changed"]
    assert json.loads((host.state / "release.json").read_text())["version"] == VERSION


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "does not fit on the disk of {folder}: enlarge it, or remove from it what is not needed."),
        (errno.EDQUOT, "does not fit on the disk of {folder}: enlarge it, or remove from it what is not needed."),
        (errno.ECONNRESET, "broke off: [Errno 104] Connection reset by peer; run again."),
    ],
)
def test_a_full_disk_is_not_blamed_on_the_download(host, monkeypatch, number, said):
    monkeypatch.setattr(placer.os, "fsync", lambda _descriptor: (never for never in ()).throw(OSError(number, os.strerror(number))))
    result = host.place()
    assert result["failed"]
    assert result["msg"].startswith(f"{URL}/v1.34.4%2Bk3s1/k3s ")
    assert said.split("{folder}", maxsplit=1)[0] in result["msg"]
    assert result["msg"].endswith(said.rsplit("{folder}", maxsplit=1)[-1])
    assert not (host.bin_dir / "k3s").exists()


def test_what_was_fetched_before_the_disk_was_full_is_removed(host, monkeypatch):
    monkeypatch.setattr(placer.os, "fsync", lambda _descriptor: (never for never in ()).throw(OSError(errno.ENOSPC, "full")))
    assert host.place()["failed"]
    assert [path for path in host.bin_dir.rglob("*") if path.is_file()] == []
    monkeypatch.undo()


@pytest.mark.parametrize("placed_before", [True, False])
def test_a_binary_that_another_tool_upgraded_is_asked_for_its_version(host, placed_before):
    if placed_before:
        host.place()
    host.bin_dir.mkdir(exist_ok=True)
    (host.bin_dir / "k3s").write_bytes(b"from the system-upgrade-controller")
    type(host).says = "k3s version v1.35.6+k3s1 (1a2b3c4d)\ngo version go1.25.9\n"
    result = host.place()
    assert result["failed"]
    assert f"k3s_version is {VERSION}, but v1.35.6+k3s1 is installed: Kubernetes cannot be downgraded" in result["msg"]
    assert (host.bin_dir / "k3s").read_bytes() == b"from the system-upgrade-controller"
    assert host.place(allow_any_version_step=True)["previous_version"] == "v1.35.6+k3s1"


def test_a_binary_that_says_nothing_has_the_version_that_was_noted(host):
    host.place()
    (host.bin_dir / "k3s").write_bytes(b"cut")
    assert host.place()["previous_version"] == VERSION


def test_a_k3s_of_others_is_refused_before_anything_changes(host):
    unit = host.root / "etc/systemd/system/k3s.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/usr/local/bin/k3s \\\n    server \\\n\t'--datastore-endpoint=mysql://u:hush@db/k3s' \\\n")
    for check in (True, False):
        result = host.place(check=check)
        assert result["failed"]
        assert "/etc/systemd/system/k3s.service (with --datastore-endpoint)" in result["msg"]
        assert "hush" not in result["msg"]
    assert not host.bin_dir.exists()
    assert host.mirror.fetched == [] or not host.state.exists()


PINS = {"k3s": digest(BINARY), "k3s-airgap-images-amd64.tar.zst": f"sha256:{digest(IMAGES).upper()}"}
HTTP = "http://mirror.example.com/k3s"


def over_http(host):
    host.mirror.files = {url.replace("https://mirror", "http://mirror"): content for url, content in host.mirror.files.items()}


def test_a_pinned_release_asks_no_server_for_its_checksums(host):
    host.place(airgap_images=True, sha256=PINS)
    assert sorted(host.mirror.fetched) == ["k3s", "k3s-airgap-images-amd64.tar.zst"]


def test_a_mirror_that_vouches_for_its_own_binary_is_not_believed(host):
    host.mirror.publish(VERSION, b"malice")
    result = host.place(sha256=PINS)
    assert digest(b"malice") in result["msg"]
    assert digest(BINARY) in result["msg"]
    assert not (host.bin_dir / "k3s").exists()


def test_a_pin_that_came_later_replaces_what_was_trusted(host):
    host.mirror.publish(VERSION, b"malice")
    host.place()
    host.mirror.publish(VERSION, BINARY)
    assert host.place(sha256=PINS)["restart_needed"]
    assert (host.bin_dir / "k3s").read_bytes() == BINARY


def test_http_is_taken_with_a_pin_for_every_file(host):
    over_http(host)
    assert host.place(url=HTTP, sha256=PINS, airgap_images=True)["changed"]
    assert not host.place(url=HTTP, sha256=PINS, airgap_images=True)["changed"]


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("pins", [{}, {"k3s": digest(BINARY)}, {"k3s-arm64": digest(BINARY)}])
def test_http_without_a_pin_for_every_file_is_refused_before_anything_changes(host, check, pins):
    over_http(host)
    result = host.place(url=HTTP, airgap_images=True, sha256=pins, check=check)
    assert result["msg"].startswith("k3s_release_url is 'http://mirror.example.com/k3s', and k3s_sha256 has no digest of k3s")
    assert host.mirror.fetched == []


def test_a_pin_of_another_form_is_refused(host):
    assert "k3s_sha256 has 'abc' for k3s" in host.place(sha256={"k3s": "abc"})["msg"]


def test_a_local_folder_is_compared_with_the_pin_too(host, tmp_path):
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "k3s").write_bytes(b"malice")
    (tmp_path / "release" / "sha256sum-amd64.txt").write_text(f"{digest(b'malice')}  k3s\n")
    assert digest(BINARY) in host.place(local_dir=str(tmp_path / "release"), sha256=PINS)["msg"]


def test_the_record_that_all_may_read_has_no_password(host):
    secret = URL.replace("//", "//me:hush@")
    assert host.place(url=secret)["changed"]
    assert "hush" not in (host.state / "release.json").read_text()
    fetched = list(host.mirror.fetched)
    assert not host.place(url=secret.replace("hush", "another"))["changed"]
    assert host.mirror.fetched == fetched, "another password is no other address"


def test_the_environment_of_downloads_is_no_result(host, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    seen = []
    monkeypatch.setattr(fetch, "open_url", lambda url, **options: seen.append(os.environ["HTTPS_PROXY"]) or Mirror().open(url))
    given = {"HTTPS_PROXY": "http://me:hush@proxy:3128", "NO_PROXY": "k3s"}
    result = host.place(environment=given)
    assert seen[0] == given["HTTPS_PROXY"]
    assert "hush" not in json.dumps(result)
    assert result["binary"].endswith("/k3s"), "what is no password stays"


def test_another_release_in_the_same_local_folder_is_placed(host, tmp_path):
    """The folder's name says nothing of what is in it."""
    folder = tmp_path / "release"
    folder.mkdir()
    for version, binary in ((VERSION, BINARY), ("v1.34.5+k3s1", b"newer")):
        (folder / "k3s").write_bytes(binary)
        (folder / "sha256sum-amd64.txt").write_text(f"{digest(binary)}  k3s\n")
        result = host.place(local_dir=str(folder), version=version)
        assert (result["changed"], result["restart_needed"]) == (True, True)
        assert (host.bin_dir / "k3s").read_bytes() == binary


def test_the_same_version_from_another_place_is_asked_for_its_checksums(host, tmp_path):
    host.place()
    host.mirror.fetched.clear()
    assert "k3s_airgap_dir must hold the files of" in host.place(local_dir=str(tmp_path))["msg"]


@pytest.mark.parametrize("left", ["file", "link", "locked"])
def test_what_a_killed_run_left_is_in_nobodys_way(host, tmp_path, left):
    host.bin_dir.mkdir()
    part, other = host.bin_dir / ".k3s.baremesh-part", tmp_path / "other"
    other.write_text("other")
    if left == "link":
        part.symlink_to(other)
    else:
        part.write_text("half")
        part.chmod(0o400 if left == "locked" else 0o600)
    assert host.place()["changed"]
    assert (host.bin_dir / "k3s").read_bytes() == BINARY
    assert (other.read_text(), part.exists()) == ("other", False)


def test_downloads_trust_the_given_authority_and_follow_no_redirect_unseen(host):
    host.place(ca_path="/etc/ssl/mirror.pem", airgap_images=True)
    assert len(host.mirror.options) == 3
    assert {(options["ca_path"], options["follow_redirects"]) for options in host.mirror.options} == {("/etc/ssl/mirror.pem", "none")}
