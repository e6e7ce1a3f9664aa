# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes, with their last words in the error."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from .errors import LabError

# Debian package that carries each command, for the message when one is missing.
PACKAGE_OF = {
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "openssl": "openssl",
    "podman": "podman",
    "runc": "runc",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}


def require(*commands: str) -> None:
    """Raise LabError naming every missing command and the Debian packages that bring them."""
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        packages = sorted({PACKAGE_OF.get(command, command) for command in missing})
        raise LabError(f"missing on this machine: {', '.join(missing)}. Install with: apt-get install {' '.join(packages)}")


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout: float = 120,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return its output as text.

    Raises LabError when it cannot be started, outlives `timeout`, or (with `check`) exits non-zero.
    """
    what = " ".join(argv[:6])
    try:
        raw = subprocess.run(list(argv), input=stdin, capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError:
        require(argv[0])
        raise
    except subprocess.TimeoutExpired as late:
        raise LabError(f"`{what} ...` did not end within {timeout:.0f} s") from late
    done = subprocess.CompletedProcess(raw.args, raw.returncode, raw.stdout.decode(errors="replace"), raw.stderr.decode(errors="replace"))
    if check and done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-3:]
        raise LabError(f"`{what} ...` failed with exit code {done.returncode}: {' / '.join(words)}")
    return done
