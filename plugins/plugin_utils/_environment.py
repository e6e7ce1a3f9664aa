# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment of downloads behind a proxy. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import read_dict, read_list

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_ALWAYS_DIRECT = ("localhost", "127.0.0.1", "::1", ".svc")


def _value(environment: Mapping[Any, Any], name: str) -> str:
    """Return a variable in either spelling."""
    return str(environment.get(name.upper()) or environment.get(name) or "")


def has_proxy(environment: Mapping[Any, Any]) -> bool:
    """Return whether an environment names a proxy."""
    return any(_value(environment, name) for name in _PROXIES)


def joined(environment: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return an environment whose C(NO_PROXY) is text, as which people also write a list."""
    return {
        name: ",".join(value)
        if str(name).lower() == "no_proxy" and isinstance(value, (list, tuple)) and all(isinstance(entry, str) for entry in value)
        else value
        for name, value in environment.items()
    }


def environment_findings(value: Any, variable: str) -> list[str]:
    """Return a sentence for each variable of an environment that cannot be one; values may be passwords and are not shown."""
    return [
        f"{variable} has {name!r}: a name must be of letters, digits and '_', and its value (which is not shown) text on one line."
        for name, text in joined(read_dict(value) or {}).items()
        if not re.fullmatch(r"[A-Za-z_]\w*", str(name)) or not isinstance(text, (str, int, float)) or "\n" in str(text)
    ]


def proxy_environment(environment: Any, direct: Iterable[Any] = ()) -> Any:
    """Complete an environment that names a proxy.

    Some programs read these variables in capital letters only and some in small ones, so both are set. What must not go through the proxy
    is added to C(NO_PROXY): as addresses where they are known, since not every program understands networks there.

    Args:
        environment: Variables by name, or text in YAML or JSON. What cannot be read is returned as it is, for others to judge.
        direct: Hosts, addresses and networks to reach without a proxy; entries may be text with several of them.

    Returns:
        The environment, as it was if it names no proxy.
    """
    read = read_dict(environment) if environment else None
    if read is None:
        return environment
    read = joined(read)
    if not has_proxy(read):
        return read
    given = [entry for entry in _value(read, "no_proxy").replace(" ", ",").split(",") if entry]
    more = [str(entry) for text in direct for entry in (read_list(text) if isinstance(text, str) else [text]) or () if entry]
    found = {name: _value(read, name) for name in _PROXIES if _value(read, name)}
    # A star stands for everything, and only if it is alone.
    found["no_proxy"] = "*" if given == ["*"] else ",".join(dict.fromkeys([*given, *_ALWAYS_DIRECT, *more]))
    return {**read, **found, **{name.upper(): value for name, value in found.items()}}
