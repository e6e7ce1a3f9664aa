# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables that are derived from many others, evaluated once in a task instead of each time that something names them."""

from __future__ import annotations

import os
from multiprocessing import parent_process
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError
from jinja2 import TemplateError, Undefined
from jinja2.runtime import Context

from ansible_collections.baremesh.edge.plugins.plugin_utils._variables import known_variables, unreadable

_Key = tuple[int, str, str]
_known: dict[_Key, Any] = {}


def _unreadable(context: Context) -> str:
    """Return which variables of the roles cannot be read, and why: one error of Ansible names the expression, not the variable."""
    return "; ".join(unreadable(sorted(name for name in known_variables() if name in context), context.resolve))


def _resolved(context: Context, name: str) -> Any:
    try:
        value = context.resolve(name)
    except (AnsibleError, TemplateError) as error:
        raise AnsibleFilterError(_unreadable(context) or str(error)) from None
    reason = _unreadable(context) if isinstance(value, Undefined) else ""
    if reason:
        raise AnsibleFilterError(reason)
    return value


def once(context: Context, name: str) -> Any:
    """The filter once: return the value of a variable, which is evaluated when the first expression of a task asks for it.

    Ansible evaluates a variable anew, with all those that it names, each time that an expression names it, and compiles each template
    again. It makes a process for each task and host, so a value that is kept for that process cannot outlive them. In the process that
    makes the others, which evaluates names of hosts and of tasks, nothing is kept.

    Args:
        context: Where Jinja looks for variables.
        name: Name of the variable. It must not depend on the item of a loop, nor on what the task itself registers.
    """
    if parent_process() is None:
        return context.resolve(name)
    key = os.getpid(), str(context.get("inventory_hostname")), name
    if key not in _known:
        value = _resolved(context, name)
        if isinstance(value, Undefined):
            return value
        _known[key] = value
    return _known[key]
