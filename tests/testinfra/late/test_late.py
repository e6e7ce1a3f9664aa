# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no preflight can know: the run ends soon after it shows, and says why."""

from __future__ import annotations

import pytest
import runs


def test_an_archive_with_another_checksum(host):
    archives = list(host.backend.get_variables()["k3s_image_archives"])
    archives[0] = archives[0] | {"checksum": "sha256:" + "0" * 64}
    result = runs.run({"k3s_image_archives": archives})
    assert result.status != 0
    assert len(result.failures) == 1, result.failures
    assert archives[0]["url"] in result.failures[0].message
    assert "0" * 64 in result.failures[0].message
    assert not host.service("k3s").is_running


@pytest.mark.matrix
def test_an_agent_with_a_wrong_token(tmp_path):
    """K3s itself would retry for ever, and its start would never return."""
    runs.lab("up", "--agents", "1")
    further = tmp_path / "wrong.yml"
    further.write_text("all: {hosts: {agent1: {k3s_token: not-the-token, k3s_start_timeout: 40}}}\n", encoding="utf-8")
    result = runs.run({}, "--inventory", str(further))
    assert result.status != 0
    assert [failure.host for failure in result.failures] == ["agent1"], result.failures
    first = result.failures[0].message.splitlines()[0]
    assert "token" in first
    assert "not-the-token" not in result.output
