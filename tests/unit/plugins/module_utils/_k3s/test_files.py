# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import files


def test_a_file_is_replaced_with_its_mode_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "token"
    path.write_text("old")
    path.chmod(0o644)
    files.replace_bytes(str(path), b"new", 0o600)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_what_a_killed_run_left_is_overwritten_even_a_link(tmp_path):
    path = tmp_path / "config.yaml"
    other = tmp_path / "other"
    other.write_text("mine")
    Path(files.part_path(str(path))).symlink_to(other)
    files.replace_bytes(str(path), b"new", 0o600)
    assert path.read_bytes() == b"new"
    assert other.read_text() == "mine"


def test_an_absent_file_has_no_text_and_no_digest(tmp_path):
    assert files.read_text(str(tmp_path / "none")) is None
    assert files.DigestCache(str(tmp_path / "cache")).digest(str(tmp_path / "none" / "deeper")) is None


def test_a_digest_is_computed_once_for_an_unchanged_file(tmp_path, monkeypatch):
    path, cache = tmp_path / "k3s", str(tmp_path / "state" / "digests.json")
    path.write_bytes(b"one")
    first = files.DigestCache(cache)
    digest = first.digest(str(path))
    first.save()
    monkeypatch.setattr(files, "sha256_file", lambda _path: pytest.fail("read again"))
    assert files.DigestCache(cache).digest(str(path)) == digest


def test_a_touched_file_is_read_again_though_size_and_time_are_those_of_before(tmp_path):
    path, cache = tmp_path / "k3s", files.DigestCache(str(tmp_path / "digests.json"))
    path.write_bytes(b"one")
    before = path.stat()
    digest = cache.digest(str(path))
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.digest(str(path)) != digest


def test_a_broken_cache_is_no_cache(tmp_path):
    (tmp_path / "digests.json").write_text("{")
    (tmp_path / "k3s").write_bytes(b"one")
    assert files.DigestCache(str(tmp_path / "digests.json")).digest(str(tmp_path / "k3s"))


YAML = """\
# comment with token: in it
node-name: edge1
token: hush
datastore-endpoint+:
- mysql://u:hush@db/a
- mysql://u:hush@db/b
tls-san: [a]
configs:
  registry.example.com:
    auth:
      username: me
      password: hush
    tls: {}
  - token: hush
    more: shown
vpn-auth: |
  hush
  hush
last: shown
"""


def test_values_of_secret_keys_are_hidden_with_all_their_lines():
    shown = files.mask_yaml(YAML, ["token", "datastore-endpoint", "password", "vpn-auth"])
    assert "hush" not in shown
    for kept in (
        "node-name: edge1",
        "tls-san: [a]",
        "username: me",
        "tls: {}",
        "more: shown",
        "last: shown",
        "# comment with token: in it",
    ):
        assert kept in shown
    assert shown.count(files.HIDDEN) == 5


def test_a_quoted_key_is_hidden_too():
    assert "hush" not in files.mask_yaml('"token": hush\n', ["token"])


def test_without_keys_nothing_is_hidden():
    assert files.mask_yaml(YAML, []) == YAML
