# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.plugin_utils._hosts import host_addresses


def test_the_most_specific_address_wins():
    hostvars = {
        "a": {"edge_address": "203.0.113.1", "ansible_host": "10.0.0.1"},
        "b": {"ansible_host": "10.0.0.2"},
        "c": {},
        "d": {"edge_address": "", "ansible_host": "10.0.0.4"},
    }
    assert host_addresses(["d", "a", "b", "c"], hostvars) == ["10.0.0.4", "203.0.113.1", "10.0.0.2", "c"]
