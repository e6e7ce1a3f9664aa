# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists and dictionaries as people write them, those of surveys and of -e included, which send text."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.module_utils._yaml import UNREADABLE

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?\Z", re.IGNORECASE)
# Variables whose values may hold passwords: any value, and one with keys and values.
_CONFIDENTIAL = (
    "istio_authority",
    "edge_environment",
    "k3s_environment",
    "k3s_registries",
    "cert_manager_values",
    "external_secrets_values",
)
_CONFIDENTIAL_PAIRS = ("k3s_server_config", "k3s_agent_config", "istio_base_values", "istio_istiod_values", "istio_gateway_values")
# How text begins that is a list in YAML or JSON, and what may stand before it where it was the content of a file.
_BRACKETS = ("[", "- ")
_PREAMBLE = re.compile(r"(\ufeff|\s|---(?=\s)|#.*)*")


def as_yaml(text: str) -> str | None:
    """Return text that begins as a list in YAML or JSON does, without what stands before it; None for entries between commas."""
    body = _PREAMBLE.sub("", text, count=1).rstrip()
    return body if not body or body.startswith(_BRACKETS) else None


def yaml_problem(text: str) -> str:
    """Return why YAML cannot read text, with the line, empty if it can."""
    try:
        yaml.safe_load(text)
    except yaml.MarkedYAMLError as exc:
        place = f"line {exc.problem_mark.line + 1}: " if exc.problem_mark else ""
        return f"{place}{exc.problem}"
    except UNREADABLE as exc:
        return str(exc).partition("\n")[0]
    return ""


def read_list(value: Any) -> list[Any] | None:
    """Read a list, or text with a YAML or JSON list or entries between commas, spaces or line breaks; None for what is neither."""
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    if not isinstance(value, str):
        return None
    text = as_yaml(value)
    if text is None:
        return [entry for entry in re.split(r"[,\s]+", value.strip("\ufeff")) if entry]
    loaded = _loaded(text) if text else []
    return loaded if isinstance(loaded, list) else None


def read_dict(value: Any) -> Mapping[str, Any] | None:
    """Read a dictionary, or text that is one in YAML or JSON; None if the value is neither."""
    if isinstance(value, Mapping):
        return value
    if value is None or value == "":
        return {}
    if not isinstance(value, str):
        return None
    loaded = _loaded(value)
    return loaded if isinstance(loaded, Mapping) else None


def _loaded(text: str) -> Any:
    try:
        loaded = yaml.safe_load(text)
        # No sentence can show a number that has too many digits for Python to write, as hexadecimal ones may stand for.
        return loaded if len(text) < 3000 or repr(loaded) else None
    except UNREADABLE:
        return None


def found_value(value: Any, variable: str) -> str:
    """Return what a finding says of a value that cannot be read."""
    hidden = variable in _CONFIDENTIAL or (variable in _CONFIDENTIAL_PAIRS and re.search(r"[:=\s]", repr(value)))
    return "cannot be read (its value may hold passwords and is not shown)" if hidden else f"is {value!r}"


def dict_finding(value: Any, variable: str) -> str:
    """Return the sentence for a value that cannot be read as a dictionary."""
    return f"{variable} {found_value(value, variable)}: it must be a dictionary, or text that is one in YAML or JSON."


def as_dict(value: Any, variable: str = "") -> Mapping[str, Any]:
    """The filter as_dict. What cannot be read raises AnsibleFilterError, and counts as empty where no variable is named."""
    found = read_dict(value)
    if found is None and not variable:
        return {}
    if found is None:
        raise AnsibleFilterError(dict_finding(value, variable))
    return found


def list_finding(value: Any, variable: str) -> str:
    """Return the sentence for a value that cannot be read as a list."""
    return f"{variable} is {value!r}: it must be a list, or text with the entries between commas."


def as_list(value: Any, variable: str, dictionaries: bool = False) -> list[Any]:
    """The filter as_list. Raises AnsibleFilterError if the value, or an entry that must be a dictionary, cannot be read."""
    entries = read_list(value)
    if entries is None:
        raise AnsibleFilterError(list_finding(value, variable))
    if not dictionaries:
        return entries
    found = [read_dict(entry) or None for entry in entries]
    if None in found:
        wrong = [
            f"{variable}[{index}] is {entry!r}: it must be a dictionary." for index, entry in enumerate(entries) if found[index] is None
        ]
        raise AnsibleFilterError("\n".join(wrong))
    return found


def is_address(text: str) -> bool:
    """Return whether text is an IPv4 or IPv6 address; a zone is known on one host only."""
    try:
        return ipaddress.ip_address(text) is not None and "%" not in text
    except ValueError:
        return False


def is_network(text: str) -> bool:
    """Return whether text is an IPv4 or IPv6 network, or an address."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Return whether text is an address or a DNS name; digits and dots alone are no name."""
    return is_address(text) or (_NAME.match(text) is not None and re.search("[a-z]", text, re.IGNORECASE) is not None)


def address_list(value: Any, variable: str, findings: list[str]) -> list[str]:
    """Return the entries that are addresses or DNS names; findings gets a sentence for each thing that is wrong."""
    return _checked(value, variable, findings, is_host, "an IP address or a DNS name")


def network_list(value: Any, variable: str, findings: list[str]) -> list[str]:
    """Read a list of networks; arguments and result are those of address_list."""
    return _checked(value, variable, findings, is_network, "a network such as 10.42.0.0/16")


def _checked(value: Any, variable: str, findings: list[str], fits: Any, expected: str) -> list[str]:
    entries = read_list(value)
    if entries is None:
        findings.append(list_finding(value, variable))
        return []
    wrong = [entry for entry in entries if not (isinstance(entry, str) and fits(entry))]
    findings += [f"{variable} has {entry!r}: each entry must be {expected}." for entry in wrong]
    return [str(entry) for entry in entries if entry not in wrong]
