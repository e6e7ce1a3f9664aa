# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes one program out of an archive."""

from __future__ import annotations

import contextlib
import os
import tarfile

from ansible_collections.baremesh.edge.plugins.module_utils._net.fetch import FetchError, place
from ansible_collections.baremesh.edge.plugins.module_utils._removal import remove_file

_FOLDER_MODE = 0o755


def unpack(archive: str, member: str, dest: str) -> None:
    """Bring a program from a tar archive in place by rename, with mode 0755.

    Args:
        archive: Path of the archive.
        member: Path of the program in it.
        dest: Path of the program.

    Raises:
        FetchError: The archive has no such file, or is none.
        OSError: The program cannot be written.
    """
    try:
        with tarfile.open(archive) as files:
            program = files.extractfile(member)
            if program is None:
                raise FetchError(f"{member} in {archive} is not a file.")
            place(program, f"{archive}: {member}", f"{dest}.part", dest, 0o755, None)
    except KeyError as error:
        raise FetchError(f"{archive} has no {member}.") from error
    except (tarfile.TarError, EOFError) as error:
        raise FetchError(f"{archive} cannot be unpacked: {error}.") from error


def link(path: str, target: str) -> bool:
    """Let a path be a symbolic link to a target, by rename, and return whether it was another or none.

    Raises:
        FetchError: Something that is no link is there.
        OSError: The link cannot be made.
    """
    with contextlib.suppress(FileNotFoundError):
        if not os.path.islink(path) and os.lstat(path):
            raise FetchError(f"{path} is not a link; move it away, nothing was replaced.")
        if os.readlink(path) == target:
            return False
    part = f"{path}.part"
    remove_file(part)
    os.symlink(target, part)
    os.replace(part, path)
    return True


def make_folder(path: str) -> None:
    """Create a folder and those above it that are missing, with mode 0755 whatever the umask. Raises OSError."""
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
            os.chmod(path, _FOLDER_MODE)
