# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's own playbook in check mode, where everything is installed, asks what is there instead of guessing."""

from __future__ import annotations

import pytest
import runs


@pytest.mark.parametrize(
    ("role", "guess"),
    [("istio", "Would install"), ("cert_manager", "Would install"), ("certificate", "Would order"), ("gateway", "Would wait")],
)
def test_a_check_foretells_nothing_where_all_is_done(role, guess):
    found = runs.run({}, "--check", playbook=runs.ROOT / "playbooks" / f"{role}.yml")
    assert found.status == 0, found.failures
    assert found.changed == 0
    assert guess not in found.output
