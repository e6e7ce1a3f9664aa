# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _renewal


class FilterModule:
    """Filters for renewals."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "gateway_restarts": _renewal.gateway_restarts,
            "renewal_lines": _renewal.renewal_lines,
            "renewal_plan": _renewal.renewal_plan,
        }
