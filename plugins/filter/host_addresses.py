# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._hosts import api_host, host_addresses
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import as_list


class FilterModule:
    """Filters for the inventory and for lists from it."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"host_addresses": host_addresses, "api_host": api_host, "as_list": as_list}
