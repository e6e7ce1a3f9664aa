# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An agent with a wrong token retries for ever by itself: the run must end, and say why."""

from __future__ import annotations

import runs


def test_the_run_ends_and_names_the_token(tmp_path):
    runs.lab("up", "--agents", "1")
    further = tmp_path / "wrong.yml"
    further.write_text("all: {hosts: {agent1: {k3s_token: not-the-token, k3s_start_timeout: 40}}}\n", encoding="utf-8")
    try:
        result = runs.run({}, "--inventory", str(further))
        assert result.status != 0
        assert [failure.host for failure in result.failures] == ["agent1"], result.failures
        first = result.failures[0].message.splitlines()[0]
        assert "token" in first
        assert "not-the-token" not in result.output
    finally:
        runs.lab("down")
        runs.lab("up")
