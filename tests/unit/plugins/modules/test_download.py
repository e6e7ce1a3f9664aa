# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import urllib.error

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._net import fetch
from ansible_collections.baremesh.edge.plugins.modules import download
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run

URL = "https://get.example.com/helm-v3.21.4-linux-amd64.tar.gz"
SUMS = f"{URL}.sha256sum"
DIGEST = hashlib.sha256(b"helm").hexdigest()


@pytest.fixture
def fetched(monkeypatch):
    """Files by address; what is fetched is removed, so that nothing is fetched twice."""
    files = {URL: b"helm", SUMS: f"{DIGEST}  helm-v3.21.4-linux-amd64.tar.gz\n".encode()}

    def open_url(url, **_options):
        if url not in files:
            raise urllib.error.HTTPError(url, 404, "Not Found", {}, None)
        return io.BytesIO(files.pop(url))

    monkeypatch.setattr(fetch, "open_url", open_url)
    return files


@pytest.fixture
def place(monkeypatch, tmp_path):
    def place(check=False, **options):
        return run(monkeypatch, download, check=check, dest=str(tmp_path / "helm.tar.gz"), **{"url": URL, **options})

    place.file = tmp_path / "helm.tar.gz"
    return place


def test_a_file_by_the_checksum_beside_it(fetched, place):
    assert place(sums_url=SUMS) == {"changed": True, "sha256": DIGEST, "failed": False}
    assert place.file.read_bytes() == b"helm"
    assert place.file.stat().st_mode & 0o777 == 0o644
    assert fetched == {}


def test_a_pinned_file_asks_for_no_checksum_and_then_for_nothing(fetched, place):
    assert place(sha256=f"sha256:{DIGEST.upper()}", sums_url=SUMS)["changed"]
    assert list(fetched) == [SUMS]
    assert not place(sha256=DIGEST)["changed"]


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_file_with_another_digest_replaces_nothing(fetched, place, tmp_path, before):
    fetched[URL] = b"malice"
    if before:
        place.file.write_bytes(before)
    result = place(sha256=DIGEST)
    assert "but " + DIGEST + " is expected" in result["msg"]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before] * bool(before)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "http://get.example.com/helm", "sums_url": "http://get.example.com/helm.sha256sum"}, "name the digest in helm_pin"),
        ({"url": "http://get.example.com/helm-v3.21.4-linux-amd64.tar.gz", "sums_url": SUMS}, "use https://, or name the digest"),
        ({"sums_url": f"{URL}.none"}, "cannot be read"),
        ({"url": "https://get.example.com/other", "sums_url": SUMS}, f"{SUMS} lists no checksum of other."),
        ({"sha256": "abc"}, "helm_pin is 'abc': it must be the 64 hex digits of a SHA-256."),
        ({}, "one of the following is required: sha256, sums_url"),
    ],
)
def test_what_is_refused(fetched, place, options, said):
    fetched["http://get.example.com/helm-v3.21.4-linux-amd64.tar.gz"] = b"helm"
    result = place(pin_name="helm_pin", **options)
    assert said in result["msg"]
    assert not place.file.exists()


def test_http_is_taken_with_a_digest(fetched, place):
    fetched["http://get.example.com/helm"] = b"helm"
    assert place(url="http://get.example.com/helm", sha256=DIGEST)["changed"]


def test_check_mode_fetches_nothing(fetched, place):
    assert place(sha256=DIGEST, check=True)["changed"]
    assert place(sums_url=SUMS, check=True)["changed"]
    assert len(fetched) == 2
    place.file.write_bytes(b"helm")
    assert not place(sha256=DIGEST, check=True)["changed"]
    assert not place(sums_url=SUMS, check=True)["changed"]


@pytest.fixture
def archive(fetched, tmp_path):
    """A tar archive with a program at the address, in the place of what is there."""

    def pack(member="linux-amd64/helm", kind=tarfile.REGTYPE):
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w:gz") as files:
            entry = tarfile.TarInfo(member)
            entry.type, entry.size, entry.mode = kind, 7 if kind == tarfile.REGTYPE else 0, 0o600
            files.addfile(entry, io.BytesIO(b"program"))
        fetched[URL] = held.getvalue()
        return hashlib.sha256(held.getvalue()).hexdigest()

    pack.options = {"member": "linux-amd64/helm", "dest": str(tmp_path / "helm-1" / "helm"), "link": str(tmp_path / "bin" / "helm")}
    return pack


def test_a_program_is_taken_out_of_the_archive_and_linked(archive, place, tmp_path, monkeypatch):
    before = os.umask(0o077)
    try:
        assert place(sha256=archive(), unpack=archive.options)["changed"]
    finally:
        os.umask(before)
    assert (tmp_path / "bin" / "helm").read_bytes() == b"program"
    assert str((tmp_path / "bin" / "helm").readlink()) == archive.options["dest"]
    assert (tmp_path / "helm-1" / "helm").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "helm-1").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in tmp_path.rglob("*.part")) == []


def test_a_second_run_changes_nothing_and_mends_what_a_killed_one_left(archive, place, tmp_path):
    digest = archive()
    place(sha256=digest, unpack=archive.options)
    assert not place(sha256=digest, unpack=archive.options)["changed"]
    (tmp_path / "bin" / "helm").unlink()
    assert place(sha256=digest, unpack=archive.options)["changed"]
    (tmp_path / "helm-1" / "helm").chmod(0o644)
    assert place(check=True, sha256=digest, unpack=archive.options)["changed"]
    assert place(sha256=digest, unpack=archive.options)["changed"]
    assert os.access(tmp_path / "helm-1" / "helm", os.X_OK)
    (tmp_path / "bin" / "helm").unlink()
    (tmp_path / "bin" / "helm").symlink_to("elsewhere")
    assert place(sha256=digest, unpack=archive.options)["changed"]
    assert (tmp_path / "bin" / "helm").read_bytes() == b"program"


def test_a_check_writes_nothing(archive, place, tmp_path):
    assert place(check=True, sha256=archive(), unpack=archive.options)["changed"]
    assert list(tmp_path.iterdir()) == []


def test_a_program_of_others_in_the_place_of_the_link_stays(archive, place, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").write_bytes(b"theirs")
    found = place(sha256=archive(), unpack=archive.options)
    assert found["msg"] == f"{tmp_path}/bin/helm is not a link; move it away, nothing was replaced."
    assert (tmp_path / "bin" / "helm").read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("member", "kind", "message"),
    [
        ("linux-arm64/helm", tarfile.REGTYPE, "{archive} has no linux-amd64/helm."),
        ("linux-amd64/helm", tarfile.DIRTYPE, "linux-amd64/helm in {archive} is not a file."),
    ],
)
def test_an_archive_without_the_program(archive, place, tmp_path, member, kind, message):
    found = place(sha256=archive(member, kind), unpack=archive.options)
    assert found["msg"] == message.format(archive=place.file)
    assert not (tmp_path / "bin").exists()


def test_what_is_no_archive(fetched, place, archive):
    assert "cannot be unpacked" in place(sha256=DIGEST, unpack=archive.options)["msg"]
