# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT / "tests/testinfra"), str(ROOT / "tools")]


@pytest.fixture(scope="session")
def image():
    """The execution environment, which is built where it is missing."""
    import execution_environment

    return execution_environment.build()


@pytest.fixture(scope="session")
def controller(image, tmp_path_factory):
    from controller import Controller

    return Controller(image, tmp_path_factory.mktemp("controller"), Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab")
