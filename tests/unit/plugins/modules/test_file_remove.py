# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module removes, and what stays beside it."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.modules import file_remove
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run


@pytest.fixture
def tools(tmp_path):
    """The folder of the tools as role api_client leaves it."""
    for name in ("helm-v3/helm", "cache/helm-v3-linux-amd64.tar.gz", "cache/helm-v2-linux-amd64.tar.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/helm").symlink_to(tmp_path / "helm-v3/helm")
    return tmp_path


def remove(monkeypatch, tools, check=False):
    return run(
        monkeypatch,
        file_remove,
        check,
        files=[f"{tools}/helm-v3/helm", f"{tools}/cache/helm-*.tar.gz"],
        links={f"{tools}/bin/helm": f"{tools}/helm-*/helm"},
        folders=[f"{tools}/{name}" for name in ("helm-v3", "cache", "bin")],
    )


def left(tools):
    return sorted(str(path.relative_to(tools)) for path in tools.rglob("*"))


def test_all_goes_and_a_check_foretells_it(monkeypatch, tools):
    before = left(tools)
    foretold = remove(monkeypatch, tools, check=True)
    assert left(tools) == before
    assert foretold["removed"] == remove(monkeypatch, tools)["removed"]
    assert left(tools) == []
    assert remove(monkeypatch, tools)["changed"] is False


def test_what_others_put_beside_it_stays(monkeypatch, tools):
    for name in ("cache/apt", "helm-v3/LICENSE"):
        (tools / name).write_text("theirs")
    (tools / "bin/helm").unlink()
    (tools / "bin/helm").write_text("theirs")
    remove(monkeypatch, tools)
    assert left(tools) == ["bin", "bin/helm", "cache", "cache/apt", "helm-v3", "helm-v3/LICENSE"]


def test_a_link_of_others_stays(monkeypatch, tools):
    (tools / "bin/helm").unlink()
    (tools / "bin/helm").symlink_to("/usr/bin/helm")
    remove(monkeypatch, tools)
    assert left(tools) == ["bin", "bin/helm"]


def test_a_folder_in_place_of_a_file_is_an_error_and_stays(monkeypatch, tools):
    (tools / "helm-v3/helm").unlink()
    (tools / "helm-v3/helm/inner").mkdir(parents=True)
    result = remove(monkeypatch, tools)
    assert result["failed"]
    assert "not all is removed: " in result["msg"]
    assert (tools / "helm-v3/helm/inner").is_dir()


def test_wildcards_in_a_folder_are_none(monkeypatch, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("")
    assert run(monkeypatch, file_remove, files=[f"{tmp_path}/*/file", f"{tmp_path}/[a]/file"])["removed"] == []


@pytest.mark.parametrize("options", [{"files": ["a/b"]}, {"links": {"a": "/b"}}, {"folders": ["a"]}])
def test_a_relative_path_is_refused(monkeypatch, options):
    assert "each path must be absolute" in run(monkeypatch, file_remove, **options)["msg"]
