# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module that talks to the API does first: check libraries, connect, catch signals."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import stat
from typing import TYPE_CHECKING, Any, Callable, NoReturn, TypeVar

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError, LibraryMissingError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection, connect
from ansible_collections.baremesh.edge.plugins.module_utils._kube.settle import Outcome
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import HttpTransport
from ansible_collections.baremesh.edge.plugins.module_utils._masking import printable
from ansible_collections.baremesh.edge.plugins.module_utils._removal import Removal, remove_file

if TYPE_CHECKING:
    from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule

_Found = TypeVar("_Found")
# Far more than the longest wait writes.
_LARGEST_PROGRESS = 1 << 20


class InterruptedRunError(Exception):
    """The process was asked to end. An exception, so that what was made for the run is removed on the way out."""


def open_transport(params: dict[str, Any]) -> HttpTransport:
    """HTTP to the API server that the options name. Raises KubeError; the server is first spoken to by the first request."""
    return HttpTransport(connect(params))


def open_client(params: dict[str, Any]) -> tuple[KubeClient, Connection]:
    """A client for that API server, and the connection for what is not a request. Raises KubeError."""
    # Imports make objects that live as long as the process. Neither collections nor the
    # end of the process need to look at them, which is a tenth of a second after the last event of a wait.
    gc.freeze()
    connection = connect(params)
    return KubeClient(HttpTransport(connection)), connection


def attempt(
    module: EdgeModule,
    work: Callable[[], _Found],
    nothing: Callable[[str], dict[str, Any]] = lambda _cause: {},
    would: str = "",
    primer: str = "",
) -> _Found:
    """What the work returns. Where it raises, the module ends with the same keys as ever and the reason.

    Args:
        module: fails, except in check mode where the API cannot be asked yet and would says what it would do.
        work: raises ValueError with the sentence for the user, EdgeError and InterruptedRunError.
        nothing: the result where nothing was seen, from the reason.
        would: what the module would do, empty where check mode is no different.
        primer: what became of the primer of an interrupted run; a sentence with its {}.
    """
    try:
        return work()
    except ValueError as exc:
        module.fail_json(msg=str(exc), **nothing(str(exc)))
    except InterruptedRunError as exc:
        module.fail_json(msg=primer.format(exc), **nothing(str(exc)))
    except EdgeError as exc:
        if not (would and module.check_mode):
            details = {"exception": exc.details} if isinstance(exc, LibraryMissingError) else {}
            module.fail_json(msg=str(exc), **details, **nothing(str(exc)))
        module.exit_json(changed=False, msg=f"Would {would} now: {exc}", **nothing(str(exc)))
    raise SystemExit(1)


def finish_wait(module: EdgeModule, outcome: Outcome) -> NoReturn:
    """End a waiting module with what it has seen; in check mode nothing was waited for, so nothing has failed."""
    for warning in outcome.warnings:
        module.warn(warning)
    result = {"changed": False, **outcome.result(), "msg": outcome.message}
    if module.check_mode and not outcome.good:
        module.exit_json(**dict(result, msg=f"Would wait: {outcome.message}"))
    if not outcome.good:
        module.fail_json(**result)
    module.exit_json(**result)
    raise SystemExit(0)


def raise_on_signals() -> None:
    """Make SIGTERM, SIGINT and SIGHUP (a lost SSH session) an exception in the main thread."""

    def interrupt(number: int, _frame: Any) -> None:
        # A second signal must not interrupt the cleaning up.
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise InterruptedRunError(f"interrupted by {signal.Signals(number).name}")

    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, interrupt)


def progress_writer(path: str | None) -> Callable[[str], None]:
    """A function that appends lines to the file, or does nothing without one.

    The file must not exist. It is removed at the end of the process, and so is its folder if it was made here. Whatever is wrong with it
    must not harm the module.
    """
    if not path:
        return lambda _unused: None
    folder = os.path.dirname(path)
    try:
        made = _make(folder)
        if not made and not _is_safe(os.lstat(folder)):
            return lambda _unused: None
        # O_EXCL: in a folder that others may write to, the name could be a link to another file.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        os.fchmod(descriptor, 0o644)
    except OSError:
        return lambda _unused: None
    atexit.register(_remove, path, folder if made else "")

    def write(line: str) -> None:
        with contextlib.suppress(OSError):
            if os.fstat(descriptor).st_size > _LARGEST_PROGRESS:
                return
            os.write(descriptor, (printable(line.replace("\n", " ")) + "\n").encode())

    return write


def _make(folder: str) -> bool:
    """Make a folder that others may read; return False where it is there already."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return False
    os.chmod(folder, 0o755)  # noqa: S103 (the connection that reads may be of another user)
    return True


def _is_safe(folder: os.stat_result) -> bool:
    """Whether no one else can replace a file of this process in a folder: a link is never one."""
    shared = folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX
    return stat.S_ISDIR(folder.st_mode) and folder.st_uid in (0, os.geteuid()) and not shared


def _remove(path: str, folder: str) -> None:
    with contextlib.suppress(OSError):
        remove_file(path)
        if folder:
            Removal().empty(folder)
