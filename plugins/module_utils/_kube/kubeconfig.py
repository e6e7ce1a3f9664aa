# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs that are complete in themselves, read without the kubernetes client.

To import that client takes longer than most modules need for their work, and hosts have no need of it. What takes more than reading a
file (exec plug-ins, providers) is left to the client.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.baremesh.edge.plugins.module_utils._yaml import UNREADABLE

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

_CLUSTER_KEYS = frozenset(
    (
        "server",
        "certificate-authority",
        "certificate-authority-data",
        "insecure-skip-tls-verify",
        "tls-server-name",
        "proxy-url",
        "extensions",
    )
)
_USER_KEYS = frozenset(("token", "client-certificate", "client-certificate-data", "client-key", "client-key-data", "extensions"))


class NotPlainError(Exception):
    """The file is one for the client, or cannot be used at all; the text says why."""

    def __init__(self, reason: str, needs_client: bool = False) -> None:
        super().__init__(reason)
        self.needs_client = needs_client


@dataclass
class Settings:
    """The attributes of the client's Configuration that this collection uses, under the client's names."""

    host: str
    verify_ssl: bool = True
    ssl_ca_cert: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    tls_server_name: str | None = None
    proxy: str | None = None
    api_key: dict[str, str] = field(default_factory=dict, repr=False)

    def auth_settings(self) -> dict[str, dict[str, str | None]]:
        """As the client's own, for the one scheme that needs a header."""
        return {"BearerToken": {"in": "header", "key": "authorization", "value": self.api_key.get("authorization")}}


def read_plain(path: str, context: str | None = None) -> Settings:
    """What the kubeconfig says. Raises NotPlainError if only the client may be able to read it, and ConfigError."""
    if yaml is None:
        raise ConfigError(f"kubeconfig {path} cannot be read: the Python library PyYAML is missing on this host")
    try:
        with open(path, "rb") as file:
            document = yaml.safe_load(file)
    except OSError as exc:
        raise NotPlainError(exc.strerror or str(exc)) from exc
    except UNREADABLE as exc:
        raise NotPlainError("it is not valid YAML") from exc
    return _settings(document, context, os.path.dirname(os.path.abspath(path)))


def _settings(document: Any, context: str | None, folder: str) -> Settings:
    chosen = _named(document, "contexts", context or _field(document, "current-context", "it"), "context")
    cluster = _named(document, "clusters", _field(chosen, "cluster", "its context"), "cluster")
    user = _named(document, "users", _field(chosen, "user", "its context"), "user")
    unusual = sorted(map(str, {*cluster} - _CLUSTER_KEYS | {*user} - _USER_KEYS))
    if unusual:
        raise NotPlainError(f"it uses {', '.join(unusual)}", needs_client=True)
    token = user.get("token")
    return Settings(
        host=_field(cluster, "server", "its cluster"),
        verify_ssl=not cluster.get("insecure-skip-tls-verify", False),
        ssl_ca_cert=_file(cluster, "certificate-authority", folder),
        cert_file=_file(user, "client-certificate", folder),
        key_file=_file(user, "client-key", folder),
        tls_server_name=cluster.get("tls-server-name"),
        proxy=cluster.get("proxy-url"),
        api_key={"authorization": f"Bearer {token}"} if token else {},
    )


def _field(owner: Any, key: str, name: str) -> str:
    value = owner.get(key) if isinstance(owner, Mapping) else None
    if not value or not isinstance(value, str):
        raise NotPlainError(f"{name} has no {key}")
    return value


def _named(document: Any, section: str, name: str, key: str) -> Mapping[str, Any]:
    entries = document.get(section) if isinstance(document, Mapping) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and entry.get("name") == name and isinstance(entry.get(key), Mapping):
            found: Mapping[str, Any] = entry[key]
            return found
    raise NotPlainError(f"it has no {key} {name!r}")


def _file(owner: Mapping[str, Any], key: str, folder: str) -> str | None:
    """Path of a PEM file. What the kubeconfig holds itself stays in memory: a private key must not be written to a disk."""
    data = owner.get(f"{key}-data")
    if not data:
        return os.path.join(folder, _field(owner, key, "it")) if owner.get(key) else None
    if not hasattr(os, "memfd_create") or not os.path.isdir("/proc/self/fd"):
        raise NotPlainError("this system has no files in memory", needs_client=True)
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError) as exc:
        raise NotPlainError(f"{key}-data is not base64") from exc
    descriptor = os.memfd_create(key)
    os.write(descriptor, content)
    return f"/proc/self/fd/{descriptor}"
