# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection options shared by all modules, named as in kubernetes.core."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import env_fallback


def _from_env(name: str, **extra: Any) -> dict[str, Any]:
    return dict(extra, fallback=(env_fallback, [f"K8S_AUTH_{name}"]))


def auth_argument_spec() -> dict[str, dict[str, Any]]:
    """The argument spec that the doc fragment C(baremesh.edge.kube_auth) describes."""
    return {
        "kubeconfig": _from_env("KUBECONFIG", type="path"),
        "context": _from_env("CONTEXT", type="str"),
        "host": _from_env("HOST", type="str"),
        "api_key": _from_env("API_KEY", type="str", no_log=True),
        "ca_cert": _from_env("SSL_CA_CERT", type="path", aliases=["ssl_ca_cert"]),
        "validate_certs": _from_env("VERIFY_SSL", type="bool", aliases=["verify_ssl"]),
        "client_cert": _from_env("CERT_FILE", type="path", aliases=["cert_file"]),
        "client_key": _from_env("KEY_FILE", type="path", no_log=False, aliases=["key_file"]),
    }
