# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that sds_secret_wait and sds_primer share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential


def gateway_options() -> dict[str, dict[str, Any]]:
    """Their argument spec."""
    credential: dict[str, dict[str, Any]] = {
        "name": {"type": "str", "required": True},
        "hosts": {"type": "list", "elements": "str", "required": True},
        "mode": {"type": "str", "choices": ["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"], "default": "SIMPLE"},
        "credential_names": {"type": "list", "elements": "str", "default": []},
        "ca_credential_name": {"type": "str"},
        "port": {"type": "int"},
    }
    return {
        "credentials": {"type": "list", "elements": "dict", "default": [], "options": credential},
        "namespace": {"type": "str", "default": "istio-ingress"},
        "selector": {"type": "dict", "default": {"istio": "ingress"}},
        "port": {"type": "int", "default": 443},
        "primer_port": {"type": "int"},
        "primers": {"type": "list", "elements": "str"},
        "timeout": {"type": "int", "default": 120},
        "fail_fast": {"type": "bool", "default": True},
        "progress_file": {"type": "path"},
    }


def parse_credentials(given: Sequence[Mapping[str, Any]]) -> list[Credential]:
    """The option credentials as objects. Raises ValueError with the sentence for the user."""
    if not given:
        raise ValueError("credentials is empty: name at least one credential, with its hosts")
    found: list[Credential] = []
    for entry in given:
        name = str(entry["name"])
        hosts = tuple(str(h) for h in entry["hosts"])
        names = tuple(str(n) for n in entry.get("credential_names") or ())
        if not hosts:
            raise ValueError(f"credentials has no hosts for {name}: name at least one, its certificate is asked for by it")
        for host in hosts:
            if "/" in host:
                raise ValueError(f"credentials has the host {host!r} for {name}: give DNS names that the certificate must cover, or '*'")
        if "/" in name:
            raise ValueError(f"credentials has the name {name!r}: give the name of a Secret in the namespace of the gateway pods")
        if len(names) > 2:
            raise ValueError(f"credential_names of {name} has {len(names)} entries, Istio allows two: an RSA and an ECDSA one")
        if any(c.name == name for c in found):
            raise ValueError(f"credentials has {name} twice: list all its hosts in one entry")
        mode, authority = str(entry.get("mode") or "SIMPLE"), entry.get("ca_credential_name") or None
        found.append(Credential(name, hosts, mode, names, authority, port=entry.get("port")))
    return found
