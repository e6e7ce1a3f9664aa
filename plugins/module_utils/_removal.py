# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deletes files and folders: the only code of the collection that does, so that one place refuses what is not the collection's.

A folder is opened before it is judged, and emptied through what was opened. A path that changes meanwhile leads nowhere else.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError

# Shared by the programs of a system; what is below may be one's own.
_SHARED = {
    f"{parent}/{name}".rstrip("/") or "/"
    for parent, names in {
        "": " bin etc home lib lib32 lib64 libx32 media mnt opt root run sbin snap srv tmp usr var",
        "/etc": "default sysconfig systemd systemd/system",
        "/usr": "bin include lib lib64 libexec local sbin share src",
        "/usr/local": "bin etc lib libexec sbin share",
        "/var": "backups cache lib lib/containerd lib/containers lib/docker local lock log mail opt run spool tmp",
    }.items()
    for name in names.split(" ")
}
# Below these there is no folder of one's own.
_KERNEL = ("/boot/", "/dev/", "/proc/", "/sys/")
# Each file system may have it.
_NEUTRAL = {"lost+found"}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Something else is in the way, which is not an error: it stays.
_STAYS = (errno.EBUSY, errno.ENOTEMPTY, errno.EEXIST)


class RemovalError(EdgeError):
    """A path that must not be deleted. The message is one sentence for the user."""


def plain(path: str) -> str:
    """Return a path without doubled and trailing slashes and dots; two slashes at the beginning are one too."""
    return f"/{os.path.normpath(path).lstrip('/')}"


def refusal(path: str, here: bool = True) -> str:
    """Return why a folder cannot hold one's own data alone, empty if it can.

    Args:
        path: The folder, with or without links on the way.
        here: Whether it is on this host, so that links can be followed.
    """
    if not path.startswith("/"):
        return "it is not an absolute path"
    for resolve in (plain, os.path.realpath)[: 1 + here]:
        name = resolve(path)
        if name in _SHARED or os.path.dirname(name) == "/home" or f"{name}/".startswith(_KERNEL):
            return f"{name} is a folder that the system or other programs use"
    return ""


def mount_of(folder: int) -> str:
    """Return the identity of an open folder's mount; one device may be mounted at several places."""
    try:
        with open(f"/proc/self/fdinfo/{folder}", encoding="ascii") as lines:
            return next(line for line in lines if line.startswith("mnt_id:"))
    except (OSError, StopIteration):
        return f"device {os.fstat(folder).st_dev}"


def remove_file(path: str | os.PathLike[str]) -> bool:
    """Remove a file or link, never a folder; return whether there was one."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


class Removal:
    """Removes files and folders, and notes what it removed and what stays.

    Args:
        dry: Whether only to note.
    """

    def __init__(self, dry: bool = False) -> None:
        self.dry = dry
        self.removed: list[str] = []
        self.kept: list[str] = []
        # What is removed as a whole.
        self._gone: set[str] = set()

    def file(self, path: str) -> None:
        """Remove a file or link."""
        if os.path.lexists(path) and (self.dry or remove_file(path)):
            self._note(path)

    def empty(self, path: str) -> None:
        """Remove a folder in which nothing is, or would be. A folder of the system, a link and a mount point stay."""
        path = plain(path)
        with _opened(os.path.dirname(path)) as parent, _opened(os.path.basename(path), parent, os.O_NOFOLLOW) as folder:
            if parent is None or folder is None or refusal(path) or mount_of(folder) != mount_of(parent):
                return
            if {f"{path}/{name}" for name in os.listdir(folder)} <= self._gone and self._rmdir(os.path.basename(path), parent):
                self._note(path)

    def folder(self, path: str, own: Sequence[str] | None = None) -> None:
        """Remove a folder with all that is in it, but nothing that lies on another mount.

        Args:
            path: The folder. A file or link in its place is removed; what the link names stays.
            own: Patterns of names. With them a link in place of the folder stays, and entries with such names go from where it leads.

        Raises:
            RemovalError: Others use the folder.
        """
        path = plain(path)
        with _opened(os.path.dirname(path)) as parent:
            if parent is not None:
                self._entry(parent, path, ("*",), own)

    def folders(self, path: str, own: Mapping[str, Sequence[str]], followed: Sequence[str] = ()) -> None:
        """Remove some folders of a folder, then itself if nothing else is in it. A link in its place is followed, and stays.

        Args:
            path: The folder.
            own: The folders in it, each with the patterns of the names that their owner uses. Where others use C(path) too, only entries
                with such names are removed.
            followed: Which of them may be links whose entries with such names are removed as well. Other links and what they name stay.

        Raises:
            RemovalError: Others use the folder.
        """
        path = plain(path)
        with _opened(path) as folder:
            if folder is None:
                return
            real = _judged(folder)
            names = set(os.listdir(folder)) - _NEUTRAL
            shared = not names <= set(own) or real.count("/") < 2
            for name in sorted(names & set(own)):
                self._entry(
                    folder, f"{path}/{name}", own[name] if shared else ("*",), own[name] if name in followed else (), mount_of(folder)
                )
        if real.count("/") > 1:
            self.empty(path)

    def _note(self, path: str, whole: bool = True) -> None:
        self.removed.append(path)
        if whole:
            self._gone.add(path)

    def _entry(self, parent: int, path: str, only: Sequence[str], linked: Sequence[str] | None, mount: str = "") -> None:
        """Remove what an open folder has at a path: a file, or those entries of the folder or of a linked folder whose names fit."""
        name = os.path.basename(path)
        with _opened(name, parent, os.O_NOFOLLOW) as folder:
            if folder is not None:
                _judged(folder)
                if mount and mount_of(folder) != mount:
                    self.kept.append(path)
                    return
                some, whole = self._clear(folder, path, only)
                whole = whole and mount_of(folder) == mount_of(parent) and self._rmdir(name, parent)
                if some or whole:
                    self._note(path, whole)
                return
        if not os.access(name, os.F_OK, dir_fd=parent, follow_symlinks=False):
            return
        with _opened(name, parent) as target:
            if linked is not None and target is not None:
                if not linked or refusal(os.readlink(f"/proc/self/fd/{target}")):
                    self.kept.append(path)
                elif self._clear(target, path, linked)[0]:
                    self._note(path, whole=False)
            elif self._unlink(name, parent):
                self._note(path)

    def _clear(self, top: int, path: str, only: Sequence[str]) -> tuple[bool, bool]:
        """Remove the entries of an open folder whose names fit; return whether there were any, and whether nothing stays.

        It goes down and up through one open folder at a time: pods can make folders deeper than a process may have files open.
        """
        mount, here, some = mount_of(top), os.dup(top), False
        everything = os.listdir(top)
        names = [name for name in everything if any(fnmatchcase(name, pattern) for pattern in only)]
        self.kept += [f"{path}/{name}" for name in sorted(set(everything) - set(names))]
        whole = len(names) == len(everything)
        # For each folder above: its identity, its names that are left, whether nothing stays in it, and the name that was entered.
        way: list[tuple[tuple[int, int], list[str], bool, str]] = []
        try:
            while names or way:
                if not names:
                    identity, names, above_whole, name = way.pop()
                    here = _swap(here, os.open("..", _FOLDER, dir_fd=here))
                    if _identity(here) != identity:
                        raise RemovalError(f"{path} is not deleted completely: a folder in it was moved away meanwhile.")
                    whole = whole and self._rmdir(name, here)
                    some, whole = some or whole, whole and above_whole
                    continue
                name = names.pop()
                with _opened(name, here, os.O_NOFOLLOW) as inner:
                    if inner is None and self._unlink(name, here):
                        some = True
                    elif inner is None or mount_of(inner) != mount:
                        self.kept.append("/".join([path, *(step[3] for step in way), name]))
                        whole = False
                    else:
                        way.append((_identity(here), names, whole, name))
                        here = _swap(here, os.dup(inner))
                        names, whole = os.listdir(here), True
        finally:
            os.close(here)
        return some, whole

    def _unlink(self, name: str, parent: int) -> bool:
        """Remove a file or link of an open folder; return whether it is gone. One that is a mount point stays."""
        try:
            if self.dry:
                os.stat(name, dir_fd=parent, follow_symlinks=False)
            else:
                os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return False
        return True

    def _rmdir(self, name: str, parent: int) -> bool:
        """Remove an empty folder of an open folder; return whether it is gone."""
        try:
            if not self.dry:
                os.rmdir(name, dir_fd=parent)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno not in _STAYS:
                raise
            return False
        return True


@contextlib.contextmanager
def _opened(name: str, parent: int | None = None, flags: int = 0) -> Iterator[int | None]:
    """Give an open folder, C(None) if there is no such folder."""
    try:
        folder = os.open(name, _FOLDER | flags, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        yield None
        return
    try:
        yield folder
    finally:
        os.close(folder)


def _swap(old: int, new: int) -> int:
    os.close(old)
    return new


def _identity(folder: int) -> tuple[int, int]:
    found = os.fstat(folder)
    return found.st_dev, found.st_ino


def _judged(folder: int) -> str:
    """Return the path of an open folder.

    Raises:
        RemovalError: Others use it.
    """
    real = os.readlink(f"/proc/self/fd/{folder}")
    reason = refusal(real)
    if reason:
        raise RemovalError(f"Nothing is deleted in {real}: {reason}.")
    return real
