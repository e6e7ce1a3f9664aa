# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way out of every module: nothing leaves it that a log or a terminal must not see."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Callable, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._masking import Mask, secret_variables

# Of modules that fetch something; as an option it is in no argument of a process, as the keyword of the same name is.
ENVIRONMENT = {"environment": {"type": "dict", "default": {}, "no_log": True}}
FETCHING = {**ENVIRONMENT, "ca_path": {"type": "path"}, "timeout": {"type": "int", "default": 60}}


class EdgeModule(AnsibleModule):
    """A module whose results, errors and warnings are masked and printable, and the options that Ansible shows with them.

    Attributes:
        secrets: values that must not be shown, beside those of options with C(no_log).
        returned_secrets: keys of results that are returned as they are, for tasks with C(no_log).
    """

    secrets: tuple[str, ...] = ()
    returned_secrets: tuple[str, ...] = ()

    def exit_json(self, **result: Any) -> NoReturn:
        """End well."""
        super().exit_json(**self._masked(result))
        raise SystemExit(0)

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """End with an error."""
        super().fail_json(**self._masked({"msg": msg, **result}))
        raise SystemExit(1)

    def warn(self, warning: str, **more: Any) -> None:
        """Show a warning."""
        super().warn(self._mask().text(warning), **more)

    def log(self, msg: str, log_args: dict[str, Any] | None = None) -> None:
        """Write a line to the host's log, as is done with the options of each call."""
        mask = self._mask()
        super().log(mask.text(str(msg)), log_args=mask.all(log_args))

    def hide_only(self, secrets: Iterable[str]) -> None:
        """Hide these values instead of the whole texts of options with C(no_log), which hold harmless words too."""
        self.secrets = (*self.secrets, *secrets)
        self.no_log_values = set(filter(None, [self.params.get("api_key")]))

    def withhold(
        self,
        option: str,
        secrets: Callable[[Any], Iterable[str]] = lambda _unused: (),
        options: dict[str, Any] | None = None,
    ) -> list[Any]:
        """Return a list with C(no_log) of which results show the length only; one of the module's own options unless others are given.

        Ansible would hide each name and each word that occurs in it in the result; what O(secrets) returns of it is hidden there.
        """
        options = self.params if options is None else options
        given: list[Any] = options[option]
        options[option] = f"{len(given)} {option}"
        self.hide_only(secrets(given))
        return given

    def take_environment(self) -> None:
        """Use the variables of the option C(environment). All are secret but addresses without a password."""
        given = {str(name): str(value) for name, value in self.params["environment"].items()}
        os.environ.update(given)
        self.hide_only(secret_variables(given))

    def _mask(self) -> Mask:
        return Mask([*self.secrets, *(value for value in self.no_log_values if isinstance(value, str))])

    def _masked(self, result: dict[str, Any]) -> dict[str, Any]:
        shown = {**result, "invocation": {"module_args": self.params}} if hasattr(self, "params") else result
        masked: dict[str, Any] = self._mask().all(shown, self.returned_secrets)
        return masked
