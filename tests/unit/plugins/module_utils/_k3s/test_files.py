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


#: Hand-written files, by how they write a value that is secret.
UNUSUAL = {
    "flow": "{token: hunter2, node-name: a}\n",
    "flow below a key": "configs: {r.example.com: {auth: {password: hunter2}}}\n",
    "JSON": '{"token": "hunter2"}\n',
    "JSON over lines": '{\n  "node-name": "a",\n  "token":\n    "hunter2"\n}\n',
    "quoted over lines": 'token: "one\n  hunter2"\n',
    "quoted, continued as if it were a key": 'token: "one\nnode-name: hunter2"\n',
    "quoted, continued at the margin": "token: 'one\n\nhunter2'\n",
    "another key, quoted over lines": "node-name: 'a\n  token=hunter2'\n",
    "explicit key": "? token\n: hunter2\n",
    "escaped key": '"t\\u006fken": hunter2\n',
    "anchor": "node-name: &x hunter2\ntoken: *x\n",
    "tag": "token: !!str\n  hunter2\n",
    "comment": "#token: hunter2\nnode-name: a\n",
    "comment behind a value": "node-name: a # token: hunter2\n",
    "tabs": "configs:\n\ttoken: hunter2\n",
    "nested entries": "- - token: hunter2\n",
    "block text": "private-registry: |\n  token: {a: hunter2}\n",
    "documents": "--- {token: hunter2}\n",
    "userinfo": "mirrors:\n  r.example.com:\n    endpoint:\n    - https://me:hunter2@mirror.example.com\n",
    "userinfo in quotes": 'private-registry: "https://me:hunter2@mirror.example.com"\n',
    "not YAML": "token hunter2: [\n",
    "a retired key": "cluster-secret: hunter2\n",
    "another spelling": "Token : hunter2\n",
    "byte order mark": "\ufefftoken: hunter2\n",
    "carriage returns": "node-name: a\r\ntoken: >-\r\n  hunter2\r\n",
    "form feed": "node-name: a\ftoken: hunter2\n",
}


@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL)
def test_no_spelling_of_a_file_shows_a_value(text):
    assert "hunter2" not in files.mask_yaml(text, ["token", "password", "auth"])


def test_text_of_another_form_is_only_said_to_differ():
    assert files.mask_yaml("{node-name: a, token: hunter2}\n", ["token"]) == files.DIFFERS


#: As the role renders them: nothing of them is withheld but the values.
OURS = {
    "flags": "kubelet-arg:\n- max-pods=250\n- --v=2\n- feature-gates=A=true,B=false\n",
    "values": "cluster-init: true\nhttps-listen-port: 6443\nnode-ip: 192.0.2.1,2001:db8::1\nwrite-kubeconfig-mode: '0600'\n",
    "labels": "node-label:\n- topology.kubernetes.io/zone=a\nnode-taint:\n- 'a=b:NoSchedule'\n- a=b:NoSchedule\n",
    "registries": "mirrors:\n    '*':\n"
    "        endpoint:\n        - https://registry.example.com:5000/v2\n        rewrite:\n            ^(.*)$: a/$1\n"
    "    registry.example.com:5000: {}\n",
    "empty": "",
    "only a comment": "# Written by Ansible (role baremesh.edge.k3s).\n{}\n",
    "words": "system-default-registry: ''\nflannel-backend: \"none\"\netcd-snapshot-schedule-cron: 0 */5 * * *\n",
}


@pytest.mark.parametrize("text", OURS.values(), ids=OURS)
def test_what_the_role_writes_is_shown(text):
    assert files.mask_yaml(text, ["token", "password"]) == text


def test_hidden_values_are_known():
    text = "token: 'hush one'\nvpn-auth:\n- name=a,joinKey=hush two\nauth:\n  username: admin\n  password: hush3\nx: {token: hush4}\n"
    assert files.hidden_values(text, ["token", "vpn-auth", "auth"]) == ["hush one", "name=a,joinKey=hush two", "hush3", "hush4"]
