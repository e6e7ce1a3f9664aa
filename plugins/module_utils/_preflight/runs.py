# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runs have begun on a host since its boot. Whether one still lasts is known only where its process is."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json

#: Forgotten at a reboot, which no run survives.
RECORD = Path("/run/baremesh/runs.json")
_MOST = 16


def others(run: Mapping[str, str], now: float, begins: bool, record: Path = RECORD) -> list[dict[str, Any]]:
    """Return the other runs that have begun on this host, with their age in seconds.

    Args:
        run: `identity` and `who` of this run.
        now: The host's time.
        begins: Whether this run is to be remembered too, in the same moment: of two that begin at once, one sees the other.
        record: Where runs are remembered.
    """
    try:
        if begins:
            record.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(record, os.O_RDWR | os.O_CREAT if begins else os.O_RDONLY, 0o644)
    except OSError:  # none has begun, or it cannot be remembered here, which is no reason to end a run
        return []
    with os.fdopen(descriptor, "r+" if begins else "r", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX if begins else fcntl.LOCK_SH)
        known = _read(file.read())
        rest = [entry for entry in known if entry["identity"] != run["identity"]]
        if begins and rest == known:
            file.seek(0)
            file.truncate()
            json.dump([*rest[1 - _MOST :], {"identity": run["identity"], "who": run["who"], "begun": now}], file)
    return [{"identity": entry["identity"], "who": entry["who"], "age": round(now - entry["begun"])} for entry in rest]


def _read(text: str) -> list[dict[str, Any]]:
    try:
        return [
            {"identity": str(entry["identity"]), "who": str(entry["who"]), "begun": float(entry["begun"])} for entry in parse_json(text)
        ]
    except (ValueError, KeyError, TypeError):  # empty, or cut off by a power failure
        return []
