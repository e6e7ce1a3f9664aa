# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run in check mode would change: rows of host, phase, action and object, read from the results of its tasks.

Names only: a row has no value of an object, a file or a variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = dict[str, str]

_WOULD = re.compile(r"Would (\S+) (.+?)(?:: .*)?$")
# What modules return of what they changed, by the key of a list.
_LISTS = {
    "placed": ("write", "file "),
    "written": ("write", "file "),
    "files_written": ("write", "file "),
    "firewall": ("set", "firewall: "),
    "opened": ("open", "firewall: "),
    "closed": ("close", "firewall: "),
}
_VERBS = {"created": "create", "changed": "change"}
# A primer goes with the run that makes it.
_PASSING = {"baremesh.edge.sds_primer"}
_COLUMNS = ("host", "phase", "action", "object")


def changes(task: str, module: str, result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Action and object of all that a result says was or would be changed; of what it names nothing, the task."""
    if not result.get("changed") or module in _PASSING:
        return []
    if isinstance(result.get("results"), list):
        return [each for item in result["results"] if isinstance(item, Mapping) for each in changes(task, module, item)]
    if module.rpartition(".")[2] == "debug":
        said = result.get("msg") or []
        return [(would[1], would[2]) for line in ([said] if isinstance(said, str) else said) if (would := _WOULD.match(line))]
    found = [(_VERBS[each["action"]], _title(each)) for each in result.get("applied") or () if isinstance(each, Mapping)]
    found += [("delete", _title(each)) for each in result.get("pruned") or ()]
    found += [(verb, f"{kind}{each}") for key, (verb, kind) in _LISTS.items() for each in result.get(key) or () if isinstance(each, str)]
    if module == "baremesh.edge.k3s_service" and result.get("action") in ("start", "restart"):
        found.append((result["action"], "K3s"))
    if isinstance(path := result.get("dest") or result.get("path"), str):
        found.append(("write", f"file {path}"))
    return found or [("run", f"task {task}")]


def announce(definitions: Iterable[Mapping[str, Any]], source: str = "") -> list[str]:
    """The filter announce: what applying definitions of objects and Helm releases would make where there is no API to ask, a line each."""
    lines = []
    for each in definitions:
        if "chart" in each:
            lines += [f"Would create {_title({'kind': 'Namespace', 'name': each['namespace']})}"]
            lines += [f"Would install Helm release {each['name']}: chart {each['chart']} {each['chart_version']} from {source}"]
        else:
            lines += [f"Would create {_title({**each['metadata'], 'kind': each['kind']})}"]
    return list(dict.fromkeys(lines))


def table(rows: Sequence[Row]) -> list[str]:
    """The filter change_table: rows as lines of a table, sorted by nothing but the order in which a run would come to them."""
    shown = [dict(zip(_COLUMNS, map(str.upper, _COLUMNS))), *rows] if rows else []
    widths = [max(len(row[name]) for row in shown) for name in _COLUMNS] if rows else []
    return ["  ".join(row[name].ljust(width) for name, width in zip(_COLUMNS, widths)).rstrip() for row in shown]


def _title(found: Mapping[str, Any]) -> str:
    namespace = f"{found['namespace']}/" if found.get("namespace") else ""
    return f"{found['kind']} {namespace}{found['name']}"
