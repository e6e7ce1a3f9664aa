# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.configuration import configure

CONFIG = "datastore-endpoint: mysql://u:hush@db/k\ntls-san: [a]\n"


def write(*files, absent=(), check=False):
    defaults = {"content": None, "secret": None, "random": None, "hide": [], "mode": "0600"}
    return configure([{**defaults, **file} for file in files], absent, check)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "rancher" / "k3s"


def test_files_are_written_with_their_modes(place):
    result = write(
        {"path": str(place / "config.yaml"), "content": "a: 1\n"}, {"path": str(place / "unit"), "content": "u\n", "mode": "0644"}
    )
    assert result["written"]
    assert result["restart_needed"]
    assert (place / "config.yaml").read_text() == "a: 1\n"
    assert (place / "config.yaml").stat().st_mode & 0o777 == 0o600
    assert (place / "unit").stat().st_mode & 0o777 == 0o644


def test_a_second_run_changes_nothing(place):
    files = [{"path": str(place / "token"), "secret": "hush"}]
    write(*files)
    before = (place / "token").stat()
    result = write(*files)
    assert not result["written"]
    assert not result["restart_needed"]
    assert (place / "token").stat().st_ino == before.st_ino


def test_check_mode_writes_nothing_and_returns_the_same(place):
    files = [{"path": str(place / "config.yaml"), "content": "a: 1\n"}]
    result = write(*files, check=True, absent=[str(place / "gone")])
    assert result["written"] == [str(place / "config.yaml")]
    assert not place.exists()


def test_a_wrong_mode_alone_is_corrected_without_a_restart(place):
    files = [{"path": str(place / "config.yaml"), "content": "a: 1\n"}]
    write(*files)
    (place / "config.yaml").chmod(0o644)
    result = write(*files)
    assert result["written"]
    assert not result["restart_needed"]
    assert (place / "config.yaml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("old", [None, "old hush\n", CONFIG.replace("[a]", "[b]")])
def test_no_secret_is_in_the_result(place, old):
    place.mkdir(parents=True)
    for name in ("config.yaml", "token"):
        if old is not None:
            (place / name).write_text(old if name == "token" or ":" in old else "x: 1\n")
    result = write(
        {"path": str(place / "config.yaml"), "secret": CONFIG, "hide": ["datastore-endpoint"]},
        {"path": str(place / "token"), "secret": "hush"},
    )
    assert result["written"]
    assert "hush" not in json.dumps(result)
    assert "tls-san: [a]" in json.dumps(result["diff"]), "what is not secret is shown"


def test_what_should_be_absent_is_removed_once(place):
    place.mkdir(parents=True)
    (place / "registries.yaml").write_text("password: hush\n")
    files = [{"path": str(place / "config.yaml"), "content": "a: 1\n"}]
    result = write(*files, absent=[str(place / "registries.yaml")])
    assert str(place / "registries.yaml") in result["written"]
    assert result["restart_needed"]
    assert "hush" not in json.dumps(result)
    assert not (place / "registries.yaml").exists()
    assert not write(*files, absent=[str(place / "registries.yaml")])["written"]


def test_a_link_is_replaced_by_a_file(place):
    place.mkdir(parents=True)
    (place / "elsewhere").write_text("a: 1\n")
    (place / "config.yaml").symlink_to(place / "elsewhere")
    write({"path": str(place / "config.yaml"), "content": "a: 1\n"})
    assert not (place / "config.yaml").is_symlink()


def test_a_folder_in_the_way_is_named(place):
    (place / "config.yaml").mkdir(parents=True)
    with pytest.raises(OSError, match=r"config\.yaml"):
        write({"path": str(place / "config.yaml"), "content": "a: 1\n"})


@pytest.mark.parametrize("old", [None, "", " \n"])
def test_a_random_secret_is_made_once(place, old):
    path = place / "agent-token"
    if old is not None:
        place.mkdir(parents=True)
        path.write_text(old)
    files = [{"path": str(path), "random": True}]
    assert write(*files, check=True)["restart_needed"]
    result = write(*files)
    made = path.read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", made)
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.strip() not in json.dumps(result)
    assert not write(*files)["written"]
    assert path.read_text() == made


def test_a_random_secret_that_others_could_read_is_kept_and_closed(place):
    place.mkdir(parents=True)
    (place / "agent-token").write_text("chosen by a person\n")
    (place / "agent-token").chmod(0o644)
    result = write({"path": str(place / "agent-token"), "random": True})
    assert not result["restart_needed"]
    assert "person" not in json.dumps(result)
    assert (place / "agent-token").stat().st_mode & 0o777 == 0o600


def test_two_hosts_do_not_make_the_same_secret(place):
    write({"path": str(place / "a"), "random": True}, {"path": str(place / "b"), "random": True})
    assert (place / "a").read_text() != (place / "b").read_text()
