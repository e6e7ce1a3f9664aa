# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
from collections.abc import Callable
from importlib import import_module
from multiprocessing import parent_process
from typing import Any

from jinja2 import pass_context

_UTILS = "ansible_collections.baremesh.edge.plugins.plugin_utils"
# A task that uses one filter makes its worker load every file of filters, and Ansible compiles all that these import each time.
# So there is one file, and a filter imports its code when it is called.
_FILTERS = {
    "announce": "_changes.announce",
    "api_host": "_hosts.api_host",
    "artefact_findings": "_artefacts.artefact_findings",
    "as_dict": "_lists.as_dict",
    "as_list": "_lists.as_list",
    "cert_manager_objects": "_issuers.cert_manager_objects",
    "certificates_apart": "_sites_apart.certificates_apart",
    "challenge_parents": "_gateways.challenge_parents",
    "change_table": "_changes.table",
    "egress_plan": "_egress_plan.make_plan",
    "external_secrets_plan": "_external_secrets.make_plan",
    "gateway_ports": "_kept_plan.gateway_ports",
    "gateway_restarts": "_renewal.gateway_restarts",
    "gateway_table": "_gateway_table.gateway_table",
    "host_addresses": "_hosts.host_addresses",
    "host_ports_verdict": "_host_ports_verdict.host_ports_verdict",
    "http01_hosts": "_kept_plan.http01_hosts",
    "istio_gateway_releases": "_releases.istio_gateway_releases",
    "k3s_service_options": "_k3s_plan.k3s_service_options",
    "k3s_plan": "_k3s_plan.k3s_plan",
    "mesh_authority": "_provided.mesh_authority",
    "mesh_plan": "_mesh_plan.make_plan",
    "order_limits": "_order_limits.order_limits",
    "plain_findings": "_plain.plain_findings",
    "preflight_plan": "_preflight_report.plan",
    "preflight_report": "_preflight_report.report",
    "printable": "_shown.printable",
    "provided_certificates": "_provided.provided_certificates",
    "proxy_environment": "_environment.proxy_environment",
    "renewal_lines": "_renewal.renewal_lines",
    "renewal_plan": "_renewal.renewal_plan",
    "revocation_lines": "_renewal.revocation_lines",
    "revocation_plan": "_renewal.revocation_plan",
    "report_files": "_report_files.report_files",
    "site_plan": "_kept_plan.site_plan",
    "site_proof": "_report.site_proof",
    "site_report": "_report.site_report",
    "sites_apart": "_sites_apart.sites_apart",
}


# The process that makes the others imports once what most of their tasks use; each of them would compile it anew.
if parent_process() is None:
    for _used in ("_plan", "_preflight_report"):
        import_module(f"{_UTILS}.{_used}")

# Ansible makes a process for each task, and each would search for garbage in all that it inherits, which takes a tenth of a second. Python
# has this call for processes that fork. What is made later is collected as ever.
gc.freeze()


def _late(place: str) -> Callable[..., Any]:
    """Return a function that imports the one it stands for when it is called, and masks what that says to people."""
    file, name = place.split(".")

    def call(*args: Any, **options: Any) -> Any:
        return import_module(f"{_UTILS}._shown").shown(getattr(import_module(f"{_UTILS}.{file}"), name), *args, **options)

    return call


def _once(context: Any, name: str) -> Any:
    """Pass the value of a variable on as it is: what is for people in it, another filter has masked."""
    return import_module(f"{_UTILS}._once").once(context, name)


class FilterModule:
    """The filters of this collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"once": pass_context(_once), **{name: _late(place) for name, place in _FILTERS.items()}}
