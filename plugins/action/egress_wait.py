# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.plugin_utils._live import LiveActionBase


class ActionModule(LiveActionBase):
    """Shows what the wait sees while it lasts."""
