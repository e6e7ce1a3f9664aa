# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from edge_lab.errors import LabError
from edge_lab.images import EPOCH, Image, Layer, full_name, write_archive


def _tar(layer: Layer) -> bytes:
    out = io.BytesIO()
    layer.write(out)
    return out.getvalue()


def _members(archive: Path) -> dict[str, bytes]:
    raw = subprocess.run(["zstd", "-dcq", str(archive)], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        return {member.name: stream.read() for member in tar.getmembers() if (stream := tar.extractfile(member))}


def test_layer_adds_the_folders_above_an_entry() -> None:
    layer = Layer()
    layer.text("/a/b/c", "x")
    assert layer.names() == ["a", "a/b", "a/b/c"]


def test_layer_keeps_the_mode_of_a_folder_that_was_there_first() -> None:
    layer = Layer()
    layer.folder("tmp", 0o1777)
    layer.text("tmp/x", "")
    with tarfile.open(fileobj=io.BytesIO(_tar(layer))) as tar:
        assert tar.getmember("tmp").mode == 0o1777


def test_layer_does_not_depend_on_order_or_time(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        path.write_text("same")
    first.touch()
    second.chmod(first.stat().st_mode)
    one, two = Layer(), Layer()
    one.file("x", first)
    one.text("y", "1")
    two.text("y", "1")
    two.file("x", second)
    assert _tar(one) == _tar(two)
    with tarfile.open(fileobj=io.BytesIO(_tar(one))) as tar:
        assert {(member.mtime, member.uid, member.gid) for member in tar} == {(EPOCH, 0, 0)}


def test_layer_tree_keeps_links_and_refuses_a_pattern_without_match(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libx.so.1.2").write_text("code")
    (tmp_path / "lib/libx.so.1").symlink_to("libx.so.1.2")
    layer = Layer()
    layer.tree(tmp_path, ["lib/*.so*"])
    with tarfile.open(fileobj=io.BytesIO(_tar(layer))) as tar:
        assert tar.getmember("lib/libx.so.1").linkname == "libx.so.1.2"
    with pytest.raises(LabError, match=r"matches lib/\*\.ko"):
        layer.tree(tmp_path, ["lib/*.ko"])


def test_archive_says_what_the_layer_is(tmp_path: Path) -> None:
    layer = Layer()
    layer.text("app", "#!", 0o755)
    images = [Image(f"quay.io/x/{name}:v1", layer, ["/app", name], user="1000") for name in ("one", "two")]
    write_archive(images, tmp_path / "images.tar.zst")
    members = _members(tmp_path / "images.tar.zst")
    manifest = json.loads(members["manifest.json"])
    assert [entry["RepoTags"] for entry in manifest] == [["quay.io/x/one:v1"], ["quay.io/x/two:v1"]]
    for entry in manifest:
        config = members[entry["Config"]]
        assert entry["Config"] == hashlib.sha256(config).hexdigest() + ".json"
        (name,) = entry["Layers"]
        assert json.loads(config)["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(members[name]).hexdigest()]
    assert sum(name.endswith("/layer.tar") for name in members) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["images.tar.zst"]


def test_archive_is_the_same_when_made_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        layer = Layer()
        layer.text("app", "content")
        write_archive([Image("x:1", layer, ["/app"])], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("pause:3", "docker.io/library/pause:3"),
        ("rancher/mirrored-pause:3.6", "docker.io/rancher/mirrored-pause:3.6"),
        ("docker.io/istio/pilot:1", "docker.io/istio/pilot:1"),
        ("quay.io/jetstack/x:1", "quay.io/jetstack/x:1"),
        ("localhost/x:1", "localhost/x:1"),
        ("registry:5000/x:1", "registry:5000/x:1"),
    ],
)
def test_full_name(short: str, full: str) -> None:
    assert full_name(short) == full
