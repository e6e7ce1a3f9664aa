# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the inventories of the tests."""

from __future__ import annotations

#: Nothing listens there, so a run that goes too far changes nothing.
NOWHERE = {"ansible_host": "127.0.0.1", "ansible_port": 1}
