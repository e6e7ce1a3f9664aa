# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads where an OpenBao or Vault is, and how to log in there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields

Object = dict[str, Any]
Options = dict[str, dict[str, Any]]

APPROLE_MOUNT, KUBERNETES_MOUNT, KEY = "approle", "kubernetes", "token"


def server_of(at: Fields) -> str:
    """Return the address of the server."""
    server = at.text("server", required=True) or ""
    if server.startswith("http://"):
        at.report(f"server is {server!r}; it must begin with https://, since tokens go there")
    elif server and not re.fullmatch(r"https://[^\s/@]+(/\S*)?", server):
        at.report(f"server is {server!r}; it must be an address such as https://vault.example.com:8200")
    return server.rstrip("/")


def path_of(at: Fields, meaning: str) -> str:
    """Return a path on the server; O(meaning) says of what."""
    path = at.text("path", required=True) or ""
    if path.startswith("/") or re.search(r"\s", path):
        at.report(f"path is {path!r}; it must be {meaning}")
    return path.rstrip("/")


def _given(at: Fields, key: str, needed: str, options: Options) -> Fields | None:
    """Return the dictionary at O(key), which must be there and have these options; O(needed) says what is in it."""
    if at.raw.get(key) is None:
        at.report(f"{key} is missing; give {needed}")
        return None
    found = at.nested(key)
    if found is not None:
        found.only(options)
    return found


def reference_of(at: Fields, options: Options) -> Object:
    """Return a reference to a key of a Secret, with the fields that O(options) allow."""
    needed = "name, namespace and key" if "namespace" in options else "name and key"
    found = _given(at, "secret", f"{needed} of a Secret that is there", options)
    if found is None:
        return {}
    namespace = {"namespace": found.name("namespace", required=True)} if "namespace" in options else {}
    return {"name": found.object_name("name", required=True), **namespace, "key": found.text("key") or KEY}


def auth_of(store: Fields, ways: Options, kubernetes: Callable[[Fields], Object]) -> Object:
    """Return how to log in, in the form that External Secrets and cert-manager share.

    Args:
        store: What has C(auth).
        ways: The options of C(auth), one of which is given.
        kubernetes: Reads the way C(kubernetes), in which these two differ.
    """
    at = _given(store, "auth", f"one of {', '.join(ways)}", ways)
    if at is None:
        return {}
    given = [key for key in ways if at.raw.get(key) is not None]
    if len(given) != 1:
        at.report(f"has {' and '.join(given) or 'none of them'}; give one of {', '.join(ways)}")
        return {}
    way = at.nested(given[0])
    if way is None:
        return {}
    options: Options = ways[given[0]]["options"]
    way.only(options)
    if given == ["kubernetes"]:
        return {"kubernetes": kubernetes(way)}
    reference: Mapping[str, Any] = options["secret"]["options"]
    if given == ["token"]:
        return {"tokenSecretRef": reference_of(way, dict(reference))}
    role = way.text("role_id", required=True)
    return {"appRole": {"path": way.text("mount") or APPROLE_MOUNT, "roleId": role, "secretRef": reference_of(way, dict(reference))}}
