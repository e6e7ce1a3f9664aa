# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run of Ansible that this is, as hosts remember it."""

from __future__ import annotations

import getpass
import multiprocessing
import os
import platform

from ansible_collections.baremesh.edge.plugins.module_utils._process import identity_of


def this_run() -> dict[str, str]:
    """Return `identity`, by which its process is found again, empty where that is not possible, and `who` runs it."""
    # Filters are evaluated in a worker, which ends with its task.
    parent = multiprocessing.parent_process()
    number = parent.pid if parent and parent.pid else os.getpid()
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = str(os.getuid())
    return {"identity": identity_of(number), "who": f"process {number} of {user}@{platform.node()}"}
