# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges variables that are one number, switch, name, path or address each. Most are read long after hosts were changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields

_URL = re.compile(r"^[a-z][a-z0-9+.-]*://[^\s/]\S*$|^file:///\S*$", re.IGNORECASE)


def _url(fields: Fields, variable: str) -> None:
    value = fields.text(variable)
    if value is not None and not _URL.match(value):
        fields.report(f"{variable} is '{value}'; it must be an address with its scheme, such as https://mirror.example.com/k3s")


def _path(fields: Fields, variable: str) -> None:
    value = fields.text(variable)
    if value is not None and not value.startswith("/"):
        fields.report(f"{variable} is '{value}'; it must be an absolute path")


def _port(fields: Fields, variable: str) -> None:
    fields.integer(variable, 1, 65535)


def _seconds(fields: Fields, variable: str) -> None:
    fields.integer(variable, 1, 86400)


def _switch(fields: Fields, variable: str) -> None:
    fields.boolean(variable, default=False)


def _name(fields: Fields, variable: str) -> None:
    fields.name(variable)


RULES: Mapping[str, Callable[[Fields, str], None]] = {
    **dict.fromkeys(("edge_http_node_port", "edge_https_node_port"), _port),
    **dict.fromkeys(("edge_wait_timeout",), _seconds),
    **dict.fromkeys(("edge_allow_no_sites", "edge_live_progress", "edge_reset_k3s"), _switch),
    **dict.fromkeys(("cert_manager_namespace", "edge_istio_namespace"), _name),
    **dict.fromkeys(("edge_helm", "edge_tools_dir", "k3s_bin_dir", "k3s_data_dir"), _path),
    **dict.fromkeys(
        ("api_client_helm_url", "cert_manager_chart_repository", "istio_chart_repository", "k3s_release_url", "k3s_server_url"), _url
    ),
}


def plain_findings(values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each variable that is not what it must be; a variable without a value is left to its default."""
    found: list[str] = []
    fields = Fields({name: value for name, value in values.items() if value not in (None, "")}, "", found)
    for variable in fields.raw:
        RULES[variable](fields, variable)
    return found
