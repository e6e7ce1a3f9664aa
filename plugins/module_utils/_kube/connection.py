# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From module options to connection data, by the kubernetes client's own kubeconfig rules.

The client itself is imported only where a kubeconfig needs it: see kubeconfig.py.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.dial import Dialer
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.kubeconfig import NotPlainError, Settings, read_plain

_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


class Connection:
    """Where the API is and how to log in. Credentials are read again at each request, since tokens expire."""

    def __init__(self, configuration: Any) -> None:
        self.configuration = configuration
        self.host: str = str(configuration.host).rstrip("/")

    @cached_property
    def dialer(self) -> Dialer:
        """Opens connections. Raises ConfigError where the connection data cannot be used."""
        return Dialer(self.configuration)

    def headers(self) -> dict[str, str]:
        """Authentication headers for the next request."""
        found: dict[str, str] = {}
        for entry in self.configuration.auth_settings().values():
            if entry["in"] == "header" and entry["value"]:
                found[entry["key"]] = entry["value"]
        return found


def connect(params: Mapping[str, Any]) -> Connection:
    """Build the connection from module options.

    Order: explicit O(host), then O(kubeconfig), then C(~/.kube/config), then the pod's own service account.
    Single options always win over what the kubeconfig says.

    Raises:
        ConfigError: the options, or the file they name, cannot be used.
    """
    try:
        configuration = _without_client(params)
    except NotPlainError as exc:
        configuration = _by_client(params, exc)
    _override(configuration, params)
    return Connection(configuration)


def _without_client(params: Mapping[str, Any]) -> Any:
    path, context = _kubeconfig(params), params.get("context")
    if path and not os.path.exists(path):
        raise ConfigError(f"kubeconfig is {path!r}, but there is no such file on this host")
    if path:
        return read_plain(path, context)
    if params.get("host"):
        return Settings(params["host"])
    if not os.path.exists(_SERVICE_ACCOUNT):
        raise ConfigError(
            "the connection to the Kubernetes API is not known: set kubeconfig or host (neither is set, ~/.kube/config does not exist, "
            "and this is not a pod)"
        )
    raise NotPlainError("the ServiceAccount of this pod is used", needs_client=True)


def _kubeconfig(params: Mapping[str, Any]) -> str | None:
    default = os.path.expanduser("~/.kube/config")
    if params.get("kubeconfig"):
        return str(params["kubeconfig"])
    return default if not params.get("host") and os.path.exists(default) else None


def _by_client(params: Mapping[str, Any], reason: NotPlainError) -> Any:
    path, context = _kubeconfig(params), params.get("context")
    what = (f"kubeconfig {path}" if path else "the connection to the Kubernetes API") + (f" with context {context!r}" if context else "")
    if not importlib.util.find_spec("kubernetes"):
        help_ = f"; that needs the Python library kubernetes, which {sys.executable} does not have" if reason.needs_client else ""
        raise ConfigError(f"{what} cannot be used: {reason}{help_}") from reason
    import kubernetes.client  # noqa: PLC0415 (the import that kubeconfig.py spares most modules)
    import kubernetes.config  # noqa: PLC0415

    configuration = kubernetes.client.Configuration()
    # Variables of the environment are read by the dialer, for all connections in the same way.
    configuration.proxy = None
    try:
        if path:
            kubernetes.config.load_kube_config(config_file=path, context=context, client_configuration=configuration, persist_config=False)
        else:
            kubernetes.config.load_incluster_config(client_configuration=configuration)
    except (kubernetes.config.ConfigException, OSError, ValueError, TypeError, KeyError) as exc:
        raise ConfigError(f"{what} cannot be used: {exc}") from exc
    return configuration


def _override(configuration: Any, params: Mapping[str, Any]) -> None:
    for option, attribute in (
        ("host", "host"),
        ("ca_cert", "ssl_ca_cert"),
        ("validate_certs", "verify_ssl"),
        ("client_cert", "cert_file"),
        ("client_key", "key_file"),
    ):
        if params.get(option) is not None:
            setattr(configuration, attribute, params[option])
    for option in ("ca_cert", "client_cert", "client_key"):
        path = params.get(option)
        if path and not os.path.exists(path):
            raise ConfigError(f"{option} is {path!r}, but there is no such file on this host")
    if params.get("api_key"):
        configuration.api_key = {"authorization": f"Bearer {params['api_key']}"}
        configuration.api_key_prefix = {}
        configuration.refresh_api_key_hook = None
