# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables whose names are nearly those of the collection, which Ansible would leave out without a word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

_ROLES = Path(__file__).resolve().parents[2] / "roles"


@lru_cache(maxsize=1)
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
