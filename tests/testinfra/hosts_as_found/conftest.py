# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host that Molecule raised, and what the lab's inventory says of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import machines
import runs


@pytest.fixture(scope="module")
def machine():
    """The one host that Molecule raised, bare; whatever a test leaves on it goes at the end."""
    yield machines.Machine(os.environ["LAB_NAME"], "server1")
    runs.bare_hosts()


@pytest.fixture(scope="session")
def variables():
    """What the inventory of the labs says for every host."""
    inventory = Path(runs.lab("inventory", "--name", os.environ["LAB_NAME"]).strip())
    return yaml.safe_load((inventory / "group_vars/all.yml").read_text(encoding="utf-8"))
