# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs that say all by themselves, read without the kubernetes client.

To import that client takes longer than most modules need for their work, and each module is a process of its own. What needs more than
reading a file (exec plug-ins, providers, proxies), and what is wrong in a file, is left to the client.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Comes with kubernetes, whose absence the modules report.
with contextlib.suppress(ImportError):
    import yaml

_CLUSTER_KEYS = frozenset(
    ("server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify", "tls-server-name", "extensions")
)
_USER_KEYS = frozenset(("token", "client-certificate", "client-certificate-data", "client-key", "client-key-data", "extensions"))
# The client's Configuration reads them.
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class _NotPlainError(Exception):
    """The file needs the client."""


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


def read_plain(path: str, context: str | None = None) -> Settings | None:
    """What the kubeconfig says, or None where only the client can tell."""
    if not can_do_without_client():
        return None
    try:
        with open(path, "rb") as file:
            document = yaml.safe_load(file)
        return _settings(document, context, os.path.dirname(os.path.abspath(path)))
    except (_NotPlainError, OSError, yaml.YAMLError, UnicodeError, binascii.Error):
        return None


def can_do_without_client() -> bool:
    """Whether this process has neither proxies to obey nor a system that lacks files in memory."""
    return hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd") and not any(os.environ.get(n) for n in _PROXY_VARIABLES)


def _settings(document: Any, context: str | None, folder: str) -> Settings:
    chosen = _named(document, "contexts", context or _field(document, "current-context"), "context")
    cluster = _named(document, "clusters", _field(chosen, "cluster"), "cluster")
    user = _named(document, "users", _field(chosen, "user"), "user")
    if set(cluster) - _CLUSTER_KEYS or set(user) - _USER_KEYS:
        raise _NotPlainError
    token = user.get("token")
    return Settings(
        host=_field(cluster, "server"),
        verify_ssl=not cluster.get("insecure-skip-tls-verify", False),
        ssl_ca_cert=_file(cluster, "certificate-authority", folder),
        cert_file=_file(user, "client-certificate", folder),
        key_file=_file(user, "client-key", folder),
        tls_server_name=cluster.get("tls-server-name"),
        api_key={"authorization": "Bearer %s" % token} if token else {},
    )


def _field(owner: Any, key: str) -> str:
    value = owner.get(key) if isinstance(owner, Mapping) else None
    if not value or not isinstance(value, str):
        raise _NotPlainError
    return value


def _named(document: Any, section: str, name: str, key: str) -> Mapping[str, Any]:
    entries = document.get(section) if isinstance(document, Mapping) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and entry.get("name") == name and isinstance(entry.get(key), Mapping):
            found: Mapping[str, Any] = entry[key]
            return found
    raise _NotPlainError


def _file(owner: Mapping[str, Any], key: str, folder: str) -> str | None:
    """Path of a PEM file. What the kubeconfig holds itself stays in memory: a private key is no matter for a disk."""
    data = owner.get(key + "-data")
    if data:
        descriptor = os.memfd_create(key)
        os.write(descriptor, base64.b64decode(data, validate=True))
        return "/proc/self/fd/%d" % descriptor
    path = owner.get(key)
    return os.path.join(folder, path) if path else None
