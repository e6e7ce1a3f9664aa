# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps things: never in the checkout."""

from __future__ import annotations

import os
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
"""The checkout's `lab/` folder."""


def _base(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification says that a relative path is to be ignored.
    root = Path(value) if value.startswith("/") else Path.home() / fallback
    return root / "baremesh-edge" / "lab"


def cache() -> Path:
    """Things that can be made again: host images."""
    return _base("XDG_CACHE_HOME", ".cache")


def state() -> Path:
    """Things that belong to the labs that exist: one folder each."""
    return _base("XDG_STATE_HOME", ".local/state")
