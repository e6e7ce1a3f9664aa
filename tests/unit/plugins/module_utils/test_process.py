# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils import _process
from ansible_collections.baremesh.edge.plugins.module_utils._process import has_ended, own_identity


def test_this_process_lives():
    assert own_identity()
    assert not has_ended(own_identity())


def test_a_process_that_ended_has_ended():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = _process.identity_of(child.pid)
        assert not has_ended(identity)
        child.stdin.close()
        child.wait(30)
    assert has_ended(identity)


@pytest.mark.parametrize("identity", ["", "x", "1 2", "other-boot/pid:[1] 1 1", "a b c d"])
def test_of_processes_elsewhere_nothing_is_known(identity):
    assert not has_ended(identity)


def test_without_proc_there_is_no_identity(monkeypatch):
    monkeypatch.setattr(_process, "_place", lambda: "")
    assert own_identity() == ""
    assert not has_ended("")


def test_whether_a_process_lives_is_unknown_elsewhere():
    own = _process.own_identity()
    assert _process.lives(own) is True
    assert _process.lives(own.rpartition(" ")[0] + " 1") is False
    assert _process.lives("another-boot/pid:[1] 7 100") is None
    assert _process.lives("") is None


@pytest.mark.parametrize(("number", "lives"), [("9" * 5000, False), ("\u0663", False), ("\u00b2", None), ("1_0", None)])
def test_a_number_of_a_process_that_is_none(number, lives):
    place = _process.own_identity().rpartition(" ")[0].rpartition(" ")[0]
    assert _process.lives(f"{place} {number} 1") is lives
