# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the roles: their names, names that are nearly these, and what cannot be read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError
from jinja2.exceptions import TemplateError, UndefinedError

from ansible_collections.baremesh.edge.plugins.module_utils._numbers import endless

_ROLES = Path(__file__).resolve().parents[2] / "roles"


@cache
def known_variables() -> frozenset[str]:
    """Return the names of the variables that the roles declare, and of the one that the playbooks read of each host."""
    texts = [path.read_text(encoding="utf-8") for path in _ROLES.glob("*/meta/argument_specs.yml")]
    return frozenset(["edge_address", *(name for text in texts for name in re.findall(r"^      (\w+):", text, re.MULTILINE))])


def misspelt(names: Collection[str]) -> list[str]:
    """Return a sentence for each name that is nearly that of a variable of the roles, which is not among O(names) itself."""
    known = known_variables()
    prefixes = tuple({f"{name.partition('_')[0]}_" for name in known})
    found = {
        name: near
        for name in names
        if name not in known and name.startswith(prefixes)
        for near in difflib.get_close_matches(name, known, 1, 0.9)
        if near not in names
    }
    return [
        f"{name} is no variable of this collection, so that its value is not used: did you mean {near}?" for name, near in found.items()
    ]


def copied(value: Any) -> Any:
    """Return a value with all templates in it replaced. Raises UndefinedError where one stands on defaults of a role."""
    if isinstance(value, Mapping):
        return {key: copied(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [copied(entry) for entry in value]
    if sentence := endless({"it": value}):
        raise AnsibleFilterError(sentence)
    # Old releases of Ansible return the template.
    if "{{" in str(value):
        raise UndefinedError("what it names is undefined")
    return value


def unreadable(names: Iterable[str], read: Callable[[str], Any]) -> list[str]:
    """Return for each variable that cannot be read why, where read() is asked for its value."""
    found = []
    for name in names:
        try:
            copied(read(name))
        except (AnsibleError, TemplateError) as error:
            # Newer releases of Ansible say first how they found out.
            found.append(f"{name} cannot be read: {str(error).rpartition('was tripped: ')[2]}")
    return found
