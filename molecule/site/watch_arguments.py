# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes the arguments of all processes, each once, until it is stopped."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

LOG = Path("/run/arguments.log")
# The shells of Ansible's modules live for tenths of a second.
PAUSE = 0.03

os.umask(0o077)
seen = set()
with LOG.open("wb", buffering=0) as log:
    while True:
        for process in Path("/proc").glob("[1-9]*"):
            with contextlib.suppress(OSError):
                arguments = (process / "cmdline").read_bytes()
                if arguments and arguments not in seen:
                    seen.add(arguments)
                    log.write(arguments.replace(b"\0", b" ").replace(b"\n", b" ") + b"\n")
        time.sleep(PAUSE)
