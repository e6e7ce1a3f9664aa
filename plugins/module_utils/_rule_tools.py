# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the tools for packet rules are: hosts without such packages have those that K3s unpacks below its data folder."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_DATA_DIR = "/var/lib/rancher/k3s"
_CONFIGURED = re.compile(r"^data-dir:[ \t]*[\"']?([^\s\"']+)", re.MULTILINE)
# The kernel's own lists of tables of the old interface: asking for a table would load modules, so it is asked for only where in use.
_IN_USE = {"iptables": "/proc/net/ip_tables_names", "ip6tables": "/proc/net/ip6_tables_names"}

# Returns the path of a command of the host, empty or C(None) if there is none.
Find = Callable[[str], "str | None"]


class RuleTool(NamedTuple):
    """A way to see and set packet rules: its name, and the beginning of its commands."""

    name: str
    save: list[str]
    restore: list[str]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def data_dir(root: str = "") -> str:
    """Return K3s's data folder as its configuration names it."""
    match = _CONFIGURED.search(_read(f"{root}/etc/rancher/k3s/config.yaml"))
    return match.group(1) if match else _DATA_DIR


def bundled(name: str, folder: str) -> str:
    """Return the path of a tool in K3s's data folder, of its newest release if there are several; empty if there is none."""
    found = [path for place in ("bin/aux", "bin") for path in glob.glob(f"{folder}/data/*/{place}/{name}") if os.access(path, os.X_OK)]
    return max(found, key=os.path.getmtime, default="")


def _of_host(tool: str, find: Find) -> RuleTool | None:
    path = find(f"{tool}-save")
    return RuleTool(tool, [path], [find(f"{tool}-restore") or f"{tool}-restore"]) if path else None


def _of_k3s(variant: str, tool: str, folder: str) -> RuleTool | None:
    path = bundled(f"xtables-{variant}-multi", folder)
    return RuleTool(f"{tool} of K3s ({variant})", [path, f"{tool}-save"], [path, f"{tool}-restore"]) if path else None


def rule_tools(tool: str, find: Find, folder: str, table: str = "") -> list[RuleTool]:
    """Return the ways to all rules of a family that may be in use, through the old interface of the kernel and the new one.

    Args:
        tool: C(iptables) or C(ip6tables).
        find: Returns the path of a command of the host.
        folder: K3s's data folder.
        table: the only table that is asked for, if it is one only.
    """
    ours = _of_host(tool, find)
    found = [ours]
    if ours is None or "legacy" in os.path.realpath(ours.save[0]):
        found.append(_of_host(f"{tool}-nft", find) or _of_k3s("nft", tool, folder))
    in_use = _read(_IN_USE[tool]).split()
    if (table in in_use if table else in_use) and (ours is None or "legacy" not in os.path.realpath(ours.save[0])):
        found.append(_of_host(f"{tool}-legacy", find) or _of_k3s("legacy", tool, folder))
    return [entry for entry in found if entry is not None]
