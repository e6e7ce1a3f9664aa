# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils import _plan


def site_plan(sites: Any, settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the plan of the sites."""
    return _plan.site_plan(sites, settings or {})


class FilterModule:
    """The plan of the sites."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by name."""
        return {"site_plan": site_plan}
