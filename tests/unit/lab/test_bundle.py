# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from edge_lab import build, charts, gateway_api, mirror, paths, versions
from edge_lab.errors import LabError
from edge_lab.parts import Store


def test_substitute_wants_the_text_once() -> None:
    assert charts.substitute("hub: a\ntag: b\n", {"hub: a": "hub: c"}, "x") == "hub: c\ntag: b\n"
    for text in ("none", "hub: a\nhub: a\n"):
        with pytest.raises(LabError, match=r"values\.yaml has 'hub: a' [02] times instead of once"):
            charts.substitute(text, {"hub: a": "hub: c"}, "values.yaml")


def _chart(names: list[str], mtime: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.mtime, info.size = mtime, len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
    return out.getvalue()


def test_a_chart_archive_does_not_depend_on_time_or_order() -> None:
    first = charts.normalised(_chart(["x/Chart.yaml", "x/values.yaml"], 1))
    assert first == charts.normalised(_chart(["x/values.yaml", "x/Chart.yaml"], 2))
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        content = archive.extractfile("x/values.yaml")
        assert content is not None
        assert content.read() == b"x/values.yaml"


def test_crds_are_of_the_release_that_the_lab_names() -> None:
    document = f"kind: x\nannotations: {{gateway.networking.k8s.io/bundle-version: {versions.GATEWAY_API}}}\n"
    assert gateway_api.joined([document, document]) == f"---\n{document}---\n{document}"
    for documents in ([], [document, document.replace(versions.GATEWAY_API, "v0.1.0")]):
        with pytest.raises(LabError, match=rf"are not those of {versions.GATEWAY_API}"):
            gateway_api.joined(documents)


def test_a_program_with_an_appended_zip_is_still_itself(tmp_path: Path) -> None:
    program, member = tmp_path / "k3s", tmp_path / "kine"
    program.write_bytes(b"\x7fELF program")
    member.write_bytes(b"datastore" * 1000)
    mirror.append_zip(program, [member])
    assert program.read_bytes().startswith(b"\x7fELF program")
    with zipfile.ZipFile(program) as archive:
        assert archive.read("kine") == member.read_bytes()
        assert archive.getinfo("kine").external_attr >> 16 == 0o755


def test_checksum_files_are_what_sha256sum_reads(tmp_path: Path) -> None:
    for name in ("k3s", "k3s-images.txt"):
        (tmp_path / name).write_text(name)
    mirror.write_sums(tmp_path, "sums.txt", ["k3s", "k3s-images.txt"])
    done = subprocess.run(["sha256sum", "--check", "--strict", "sums.txt"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["k3s:", "OK", "k3s-images.txt:", "OK"])


def test_linked_tree_is_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "part/sub").mkdir(parents=True)
    (tmp_path / "part/sub/file").write_text("x")
    mirror.link_tree(tmp_path / "part", tmp_path / "mirror")
    assert (tmp_path / "mirror/sub/file").samefile(tmp_path / "part/sub/file")


def test_missing_commands_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None if name in {"go", "gcc"} else f"/usr/bin/{name}")
    with pytest.raises(LabError, match=r"missing on this machine: go, gcc\. Needed: apt-get install gcc libc6-dev; Go 1\.26 or later"):
        build.build()


def test_another_architecture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(LabError, match="this machine is aarch64"):
        build.build()


def _bundle(root: Path, key: str, used: int) -> build.Bundle:
    bundle = build.Bundle(root / "bundle" / key)
    bundle.path.mkdir(parents=True)
    (bundle.path / "bundle.json").write_text(json.dumps({"parts": [f"part-{key}"]}))
    os.utime(bundle.path / "bundle.json", (used, used))
    (root / "parts" / f"part-{key}").mkdir(parents=True)
    return bundle


def test_prune_keeps_bundles_that_a_lab_may_still_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = paths.cache()
    now = int(time.time())
    for key, age in (("hour", 3600), ("minute", 60), ("week", 7 * 86400)):
        _bundle(root, key, now - age)
    newest = _bundle(root, "new", now)
    build._prune(Store(root / "parts"), newest)
    assert {path.name for path in (root / "bundle").iterdir()} == {"new", "minute", "hour"}


def test_prune_keeps_the_two_bundles_used_last_and_their_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = paths.cache()
    for key, used in (("a", 100), ("b", 300), ("c", 200)):
        _bundle(root, key, used)
    newest = _bundle(root, "new", 1)
    build._prune(Store(root / "parts"), newest)
    assert {path.name for path in (root / "bundle").iterdir()} == {"new", "b"}
    assert {path.name for path in (root / "parts").iterdir()} == {"part-new", "part-b"}


def test_a_second_build_says_that_it_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    out, entered = io.StringIO(), threading.Event()

    def second() -> None:
        with build._lock(out):
            entered.set()

    with build._lock(io.StringIO()):
        other = threading.Thread(target=second)
        other.start()
        assert not entered.wait(0.2)
    assert entered.wait(10)
    other.join()
    assert out.getvalue() == "another build is running; waiting for its end\n"
