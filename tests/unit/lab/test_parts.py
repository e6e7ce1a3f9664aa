# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from edge_lab.parts import Part, Store, digest, tree_digest
from edge_lab.progress import Progress


def _writes(text: str) -> Part:
    def make(out: Path) -> None:
        (out / "file").write_text(text)

    return Part("A Part (x)", digest(text), make)


def test_digest_tells_sequences_apart_that_concatenate_to_the_same() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab") == digest(b"ab")


def test_tree_digest_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = tree_digest(tmp_path, [tmp_path / "a"])
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = tree_digest(tmp_path, [tmp_path / "b"])
    (tmp_path / "b").write_text("2")
    assert len({before, renamed, tree_digest(tmp_path, [tmp_path / "b"])}) == 3


def test_slug_is_a_file_name() -> None:
    assert re.fullmatch(r"a-part-x-[0-9a-f]{20}", _writes("x").slug)


def test_store_makes_a_part_and_leaves_nothing_else(tmp_path: Path) -> None:
    store, part = Store(tmp_path / "parts"), _writes("x")
    assert not store.has(part)
    store.make(part)
    assert store.has(part)
    assert (store.path(part) / "file").read_text() == "x"
    assert [path.name for path in store.root.iterdir()] == [part.slug]


def test_store_keeps_nothing_of_a_part_that_failed(tmp_path: Path) -> None:
    def fail(out: Path) -> None:
        (out / "half").write_text("")
        raise OSError("disk full")

    store, part = Store(tmp_path), Part("x", "1", fail)
    with pytest.raises(OSError, match="disk full"):
        store.make(part)
    assert not store.has(part)
    assert not list(tmp_path.iterdir())


def test_store_prunes_what_is_not_named(tmp_path: Path) -> None:
    store, old, new = Store(tmp_path), _writes("old"), _writes("new")
    store.make(old)
    store.make(new)
    (tmp_path / ".work-killed").mkdir()
    store.prune([new.slug])
    assert [path.name for path in tmp_path.iterdir()] == [new.slug]


def test_progress_lines() -> None:
    out = io.StringIO()
    progress = Progress(14, out)
    progress.cached("kine")
    with progress.building("helm"):
        assert out.getvalue().endswith("[ 2/14] helm ... ")
    with pytest.raises(ValueError, match="no"), progress.building("istio"):
        raise ValueError("no")
    assert out.getvalue().splitlines() == ["[ 1/14] kine ... cached", "[ 2/14] helm ... built in 0 s", "[ 3/14] istio ... failed"]
