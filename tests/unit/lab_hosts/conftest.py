# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "lab"))

from edge_lab.network import Subnets
from edge_lab.state import Lab


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Nothing here may touch the labs or the caches of the machine."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def lab():
    return Lab("blue", "bookworm", 2, 1, Subnets("10.120.7.0/24", "fd12:3456:789a:bcde::/64"))
