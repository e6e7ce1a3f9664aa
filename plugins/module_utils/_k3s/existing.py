# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A K3s that something else installed: what it is made of, and which of its settings would be lost. Names only, as values may be secret."""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Callable
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import read_text

# The first line of the files that the role k3s writes.
MARK = "# Written by Ansible (role baremesh.edge.k3s)"

# In the order in which systemd prefers them: a unit of the role takes the place of those further down.
_UNIT_FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
_KEY = re.compile(r"^[\"']?([A-Za-z][\w.-]*\+?)[\"']?[ \t]*:", re.MULTILINE)
_ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=", re.MULTILINE)


def _keys(text: str) -> list[str]:
    return _KEY.findall(text)


def _flags(text: str) -> list[str]:
    """Return the flags of a unit's start command, and the variables that the unit sets."""
    found: list[str] = []
    for kind, value in re.findall(r"^(ExecStart|Environment)=(.*)$", re.sub(r"\\\n", " ", text), re.MULTILINE):
        try:
            words = shlex.split(value)
        except ValueError:
            words = value.split()
        found += [word.partition("=")[0] for word in words if kind == "Environment" or re.match("--?[a-z]", word)]
    return found


def _variables(text: str) -> list[str]:
    """Return the variables of an environment file that K3s or a proxy reads; the rest is the shell's."""
    return _ASSIGNMENT.findall(text)


def _contents(root: str, pattern: str, read: Callable[[str], list[str]]) -> list[dict[str, Any]]:
    found = []
    for path in sorted(glob.glob(f"{root}{pattern}")):
        text = read_text(path) if os.path.isfile(path) else None
        if text is not None and not text.startswith(MARK):
            found.append({"path": path[len(root) :], "settings": sorted(set(read(text)))})
    return found


def existing_k3s(root: str = "") -> list[dict[str, Any]]:
    """Return the files of a K3s that this collection did not install, empty if there is none.

    Args:
        root: Folder that stands for the root of the host.

    Returns:
        Entries with C(path) and C(settings): flags of a unit, keys of a configuration file, variables of an environment file.
    """
    units = [entry for folder in _UNIT_FOLDERS for entry in _contents(root, f"{folder}/k3s*.service", _flags)]
    found = units + _contents(root, "/etc/rancher/k3s/config.yaml", _keys) + _contents(root, "/etc/rancher/k3s/registries.yaml", _keys)
    # The role's own environment files bear no mark: they belong to the unit beside them.
    for unit in units:
        found += _contents(root, f"{unit['path']}.env", _variables)
    return found


def refusal(found: list[dict[str, Any]]) -> str:
    """Return why the role must not go on, in one sentence for each file."""
    listed = "; ".join(
        entry["path"] + (f" (with {', '.join(entry['settings'])})" if entry["settings"] else " (without settings)") for entry in found
    )
    return (
        f"this host has files of K3s that this collection did not write, and would replace: {listed}. Nothing was changed. To keep that "
        "cluster, leave the host out of the inventory: this collection cannot take it over yet. A cluster that is not needed any more goes "
        "the way it came, with its data; a file that you wrote yourself goes into "
        "k3s_server_config, k3s_agent_config, k3s_registries or a file in /etc/rancher/k3s/config.yaml.d."
    )
