# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing goes that is not the caller's: random layouts with links, mounts and odd spellings, and paths that change meanwhile."""

from __future__ import annotations

import itertools
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.module_utils import _removal
from ansible_collections.baremesh.edge.plugins.module_utils._k3s import leftovers

#: Random layouts. Each of them is tried with every way to write the path in turn.
LAYOUTS = int(os.environ.get("REMOVAL_LAYOUTS", "300"))
SPELLINGS = ("{}", "{}/", "{}//", "/{}", "{}/.", "{}/./", "{}/../k3s", "{}/server/..")


def paths_below(root: Path) -> set[str]:
    """Everything below a folder, links not followed."""
    return {f"{folder}/{name}" for folder, inner, files in os.walk(root) for name in (*inner, *files)}


class Layout:
    """A data folder among what others have: what may go, what must go, and which folders are mounts."""

    def __init__(self, root: Path, choose: random.Random) -> None:
        self.root, self.choose = root, choose
        self.may: set[str] = set()
        self.must: set[str] = set()
        self.mounts: set[str] = set()
        (root / "others/deep").mkdir(parents=True)
        (root / "others/deep/file").write_text("theirs")
        self.real = root / choose.choice(("k3s", "disk"))
        self.real.mkdir()
        if self.real.name == "disk":
            (root / "k3s").symlink_to(choose.choice(("disk", str(self.real))))
        self.shared = choose.random() < 0.4
        if self.shared:
            self._tree(self.real / choose.choice(("films", "agent2", ".hidden")), may=False)
        for part in leftovers.DATA:
            self._part(part)
        if not self.shared and self.real.name == "k3s":
            self.may.add(str(self.real))

    def _part(self, part: str) -> None:
        kind = self.choose.choice(("none", "folder", "folder", "folder", "link", "mount"))
        if kind == "none":
            return
        place = self.real / part
        if kind == "link":
            place.symlink_to(self.root / f"elsewhere-{part}")
            place = self.root / f"elsewhere-{part}"
        place.mkdir()
        if kind == "mount":
            self.mounts.add(str(place))
        own_only = self.shared or kind == "link"
        for name, own in (("films", not own_only), (_name_of(part), part in leftovers.DATA_FOLLOWED or kind != "link")):
            self._tree(place / name, may=own and kind != "mount")
        if kind == "folder":
            self.may.add(str(place))

    def _tree(self, top: Path, may: bool) -> None:
        """Some folders, files and links; among them mounts, below which nothing may go."""
        top.mkdir(parents=True)
        made = [(top, may)]
        for number in range(self.choose.randrange(5)):
            folder, mine = self.choose.choice(made)
            path = folder / f"{number}"
            kind = self.choose.choice(("folder", "file", "link", "mount"))
            if kind == "link":
                path.symlink_to(self.choose.choice((self.root / "others", self.root / "others/deep/file", "/", "..", "nowhere")))
            elif kind == "file":
                path.write_text("")
            else:
                path.mkdir()
                made.append((path, mine and kind == "folder"))
                if kind == "mount":
                    self.mounts.add(str(path))
                    (path / "volume").write_text("theirs")
                    mine = False
            if mine:
                self._mine(path)
        if may:
            self._mine(top)

    def _mine(self, path: Path) -> None:
        self.may.add(str(path))
        if not path.is_dir() or path.is_symlink():
            self.must.add(str(path))

    def mount_of(self, folder: int) -> str:
        """The innermost mount of an open folder."""
        path = str(Path(f"/proc/self/fd/{folder}").readlink())
        return max((mount for mount in self.mounts if f"{path}/".startswith(f"{mount}/")), key=len, default="the disk")


def _name_of(part: str) -> str:
    return {"agent": "containerd", "data": "0123abcd" * 8, "server": "db", "storage": "pvc-1_default_web"}[part]


@pytest.fixture
def numbered(monkeypatch):
    """Folders for one layout each, in memory where there is such a place: thousands of layouts keep a disk busy for minutes."""
    memory = Path("/dev/shm")
    monkeypatch.setattr(_removal, "_KERNEL", ("/proc/",))
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as base:
        yield (Path(base) / str(number) for number in itertools.count())


@settings(max_examples=LAYOUTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**63), spelling=st.sampled_from(SPELLINGS))
def test_nothing_goes_that_is_not_ours_and_a_check_foretells_it(numbered, seed, spelling):
    root = next(numbered)
    layout = Layout(root, random.Random(seed))
    before = paths_below(root)
    written = spelling.format(root / "k3s")
    dry, real = _removal.Removal(dry=True), _removal.Removal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_removal, "mount_of", layout.mount_of)
        dry.folders(written, leftovers.DATA, leftovers.DATA_FOLLOWED)
        assert paths_below(root) == before
        real.folders(written, leftovers.DATA, leftovers.DATA_FOLLOWED)
        again = _removal.Removal()
        again.folders(written, leftovers.DATA, leftovers.DATA_FOLLOWED)
    gone = before - paths_below(root)
    assert gone - layout.may == set()
    assert layout.must - gone == set()
    assert (dry.removed, sorted(dry.kept)) == (real.removed, sorted(real.kept))
    assert again.removed == []
    shutil.rmtree(root)


@pytest.fixture
def folder(tmp_path):
    """A folder to remove beside one that must stay."""
    (tmp_path / "own/a/b").mkdir(parents=True)
    (tmp_path / "own/a/b/file").write_text("")
    (tmp_path / "others/b").mkdir(parents=True)
    (tmp_path / "others/b/file").write_text("theirs")
    return tmp_path


def swap(folder, path, monkeypatch, name):
    """Put a link to others' folder in the place of an entry just before a system call on it."""
    real = getattr(os, name)

    def swapped(entry, *args, **options):
        if entry == Path(path).name and not (folder / path).is_symlink() and (folder / path).exists():
            (folder / path).rename(folder / "moved")
            (folder / path).symlink_to(folder / "others")
        return real(entry, *args, **options)

    monkeypatch.setattr(os, name, swapped)


@pytest.mark.parametrize("path", ["own", "own/a", "own/a/b"])
@pytest.mark.parametrize("call", ["open", "rmdir", "unlink"])
def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(folder, monkeypatch, path, call):
    swap(folder, path, monkeypatch, call)
    try:
        _removal.Removal().folder(str(folder / "own"))
    except OSError:
        assert call == "rmdir", "only a folder that is no longer one ends the removal"
    assert (folder / "others/b/file").read_text() == "theirs"


@pytest.mark.parametrize("sign", [1, -1], ids=["to a folder with a higher number", "to one with a lower number"])
def test_a_folder_that_is_moved_away_meanwhile_ends_the_removal(folder, monkeypatch, sign):
    real = os.unlink
    (folder / "third/b").mkdir(parents=True)
    monkeypatch.setattr(_removal, "_identity", lambda opened: (0, sign * os.fstat(opened).st_ino))

    def unlink(name, **options):
        real(name, **options)
        (folder / "own/a/b").rename(folder / "third/c")

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(_removal.RemovalError, match="was moved away meanwhile"):
        _removal.Removal().folder(str(folder / "own"))
    # Empty, and of the name that was entered.
    assert (folder / "third/b").exists()


def test_folders_deeper_than_a_process_may_have_open(tmp_path):
    (tmp_path / "own" / "/".join(["d"] * 200)).mkdir(parents=True)
    removal = _removal.Removal()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len([*Path("/proc/self/fd").iterdir()]) + 20, limits[1]))
    try:
        removal.folder(str(tmp_path / "own"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert removal.removed == [f"{tmp_path}/own"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["/", "//", "/usr", "/usr/", "/var/lib", "/home/alice", "/root", "/proc/1/root", "/boot/efi", "relative", ""]
)
def test_paths_of_the_system_are_refused(path):
    assert _removal.refusal(path)


@pytest.mark.parametrize(
    "path", ["/data", "/data/k3s", "/var/lib/rancher/k3s", "/opt/k3s", "/mnt/disk", "/home/alice/k3s", "/root/k3s", "/srv/k3s", "/k3s"]
)
def test_folders_of_ones_own_are_not(path):
    assert _removal.refusal(path) == ""


def test_a_link_is_judged_by_where_it_leads_on_this_host_only(tmp_path):
    (tmp_path / "link").symlink_to("/usr")
    assert _removal.refusal(f"{tmp_path}/link") == "/usr is a folder that the system or other programs use"
    assert _removal.refusal(f"{tmp_path}/link", here=False) == ""
    assert _removal.refusal("/usr", here=False)


@pytest.mark.parametrize("mounts", [("1", "2"), ("2", "1")])
def test_an_empty_folder_on_which_something_is_mounted_stays(tmp_path, monkeypatch, mounts):
    (tmp_path / "empty").mkdir()
    inner, outer = mounts
    monkeypatch.setattr(_removal, "mount_of", lambda opened: inner if os.path.sameopenfile(opened, probe) else outer)
    probe = os.open(tmp_path / "empty", os.O_RDONLY)
    removal = _removal.Removal()
    removal.empty(f"{tmp_path}/empty")
    os.close(probe)
    assert (removal.removed, (tmp_path / "empty").exists()) == ([], True)


@pytest.mark.parametrize("path", ["/", "/usr", "/tmp", "/var/lib/"])
def test_a_folder_of_the_system_is_never_deleted(path, monkeypatch):
    monkeypatch.setattr(os, "unlink", None)
    monkeypatch.setattr(os, "rmdir", None)
    removal = _removal.Removal()
    if path != "/":
        with pytest.raises(_removal.RemovalError, match="a folder that the system or other programs use"):
            removal.folder(path)
    with pytest.raises(_removal.RemovalError, match="a folder that the system or other programs use"):
        removal.folders(path, {"lib": ("*",)})
    removal.empty(path)
    assert removal.removed == []


def test_an_empty_folder_goes_and_a_link_to_one_stays(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("")
    removal = _removal.Removal()
    for name in ("empty", "link", "link/", "full", "missing", "full/file"):
        removal.empty(f"{tmp_path}/{name}")
    assert removal.removed == [f"{tmp_path}/empty"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "link", "target"]


def test_a_file_never_stands_for_a_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    assert _removal.remove_file(tmp_path / "link")
    assert not _removal.remove_file(tmp_path / "link")
    with pytest.raises(OSError, match="directory"):
        _removal.remove_file(tmp_path / "folder")
    assert (tmp_path / "folder").exists()


def test_mounts_of_one_device_differ():
    """The device of a bind mount is that of its source, so the kernel's number of the mount decides."""
    root, proc = os.open("/", os.O_RDONLY), os.open("/proc", os.O_RDONLY)
    try:
        assert _removal.mount_of(root).startswith("mnt_id:")
        assert _removal.mount_of(root) != _removal.mount_of(proc)
    finally:
        os.close(root)
        os.close(proc)


REAL = """
import os, subprocess, sys
from ansible_collections.baremesh.edge.plugins.module_utils._removal import Removal
root = sys.argv[1]
for folder in ("own/a/mounted", "own/b", "others"):
    os.makedirs(f"{root}/{folder}")
for name in ("own/b/bound", "own/b/file", "others/file"):
    open(f"{root}/{name}", "w").close()
subprocess.run(["mount", "--bind", f"{root}/others", f"{root}/own/a/mounted"], check=True)
subprocess.run(["mount", "--bind", f"{root}/others/file", f"{root}/own/b/bound"], check=True)
removal = Removal()
removal.folder(f"{root}/own")
assert os.path.exists(f"{root}/others/file") and not os.path.exists(f"{root}/own/b/file")
print(*sorted(path.replace(root, "") for path in removal.kept))
"""


@pytest.mark.skipif(subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0, reason="no mounts here")
def test_what_is_mounted_from_the_same_device_stays(tmp_path):
    """Real mounts, of a folder and of a file: both have the device of the folder that is removed."""
    command = ["unshare", "-m", sys.executable, "-c", REAL, str(tmp_path)]
    path = str(Path(_removal.__file__).parents[5])
    found = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert found.stdout.split() == ["/own/a/mounted", "/own/b/bound"]
