# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
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
