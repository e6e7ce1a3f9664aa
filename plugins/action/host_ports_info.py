# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.proof import connect


class ActionModule(ActionBase):
    """Runs the module on the host, then connects from the controller to what answers there."""

    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, and ask what it could not."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        result.update(self._execute_module(task_vars=task_vars))
        address = self._task.args.get("controller_address")
        if address and result.get("answering"):
            result["from_controller"] = {str(port): connect(address, port) is None for port in result["answering"]}
        return result
