# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges variables that need no other to be judged. Most are read long after hosts were changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from jinja2.exceptions import UndefinedError

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPorts, HostPortsError, networks, parse
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number
from ansible_collections.baremesh.edge.plugins.module_utils._removal import refusal
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields
from ansible_collections.baremesh.edge.plugins.plugin_utils._lists import as_list, is_host, is_network, list_finding, read_dict, read_list
from ansible_collections.baremesh.edge.plugins.plugin_utils._releases import gateway_releases

# As the module certificate_revoke takes them, whose libraries are not needed here.
_REASONS = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


def _form(pattern: str, expected: str) -> Callable[[Fields, str], None]:
    """Return a rule for values whose text matches a pattern as a whole."""

    def judge(fields: Fields, variable: str) -> None:
        if not re.fullmatch(pattern, str(fields.raw[variable])):
            fields.report(f"{variable} is {str(fields.raw[variable])!r}; it must be {expected}")

    return judge


def _number(least: int, most: int) -> Callable[[Fields, str], Any]:
    return lambda fields, variable: fields.integer(variable, least, most)


def _switch(fields: Fields, variable: str) -> None:
    fields.boolean(variable, default=False)


def _name(fields: Fields, variable: str) -> None:
    fields.name(variable)


_PATH = re.compile(r"/[^\x00-\x1f\x7f]*")


def _file(ending: str) -> Callable[[Fields, str], None]:
    """Return a rule for a file that is overwritten, so that its name must say what it is."""
    return _form(rf"(~[\w.-]*)?{_PATH.pattern}\.{ending}", f"an absolute path that ends in .{ending}, such as /srv/edge/status.{ending}")


def _own_folder(fields: Fields, variable: str) -> None:
    value = str(fields.raw[variable])
    if not _PATH.fullmatch(value):
        fields.report(f"{variable} is {value!r}; it must be an absolute path")
    elif re.match(r"(/var)?/(run|dev|proc|sys)/", value):
        fields.report(f"{variable} is {value!r}, which a boot empties; it must be a folder of its own")
    elif refusal(value, here=False):
        fields.report(f"{variable} is {value!r}, but {refusal(value, here=False)}; it must be a folder of its own")


def _list(fields: Fields, variable: str) -> None:
    if read_list(fields.raw[variable]) is None:
        fields.report(list_finding(fields.raw[variable], variable))


def _each(fits: Callable[[str], Any], expected: str) -> Callable[[Fields, str], None]:
    """Return a rule for lists whose entries must fit."""

    def judge(fields: Fields, variable: str) -> None:
        entries = read_list(fields.raw[variable])
        if entries is None:
            fields.report(list_finding(fields.raw[variable], variable))
        for entry in entries or ():
            if not isinstance(entry, (str, int)) or not fits(str(entry)):
                fields.report(f"{variable} has {entry!r}; each entry must be {expected}")

    return judge


def _reader(read: Callable[[Any, str], Any]) -> Callable[[Fields, str], None]:
    """Return a rule that reports what a reader of the roles raises."""

    def judge(fields: Fields, variable: str) -> None:
        try:
            read(fields.raw[variable], variable)
        except (AnsibleFilterError, HostPortsError) as error:
            fields.report(str(error))

    return judge


def read_host_ports(value: Any, variable: str, close_nodeports: bool = False) -> HostPorts:
    """Return the host ports that a variable names.

    Raises:
        AnsibleFilterError: it is not a list of dictionaries.
        HostPortsError: an entry cannot be.
    """
    entries = as_list(value, variable, dictionaries=True)
    # A value that cannot be read as a list must not become an absent one, which stands for every client.
    given = [(entry, entry.get("sources")) for entry in entries]
    named = [{**entry, "sources": [sources] if read_list(sources) is None else read_list(sources)} for entry, sources in given]
    return parse(named, close_nodeports, prefix=variable.removesuffix("ports"))


def _gateways(fields: Fields, variable: str) -> None:
    value = fields.raw[variable]
    one = variable == "istio_ingress_gateway"
    entries = [read_dict(value) or value] if one else read_list(value)
    found = gateway_releases(value if entries is None else entries, {"namespace": "", "version": ""})[1]
    fields.findings += [text.replace("istio_gateways[0]", variable) if one else text for text in found]


def _connections(fields: Fields, variable: str) -> None:
    found = gateway_releases([{"name": "a", "connection_settings": fields.raw[variable]}], {"namespace": "", "version": ""})[1]
    fields.findings += [text.replace("istio_gateways[0] (a): connection_settings", variable) for text in found]


_RULES: Mapping[Callable[[Fields, str], Any], str] = {
    _number(1, 65535): "edge_http_node_port edge_https_node_port",
    _number(1, 86400): "edge_wait_timeout cert_manager_wait_timeout certificate_wait_timeout egress_wait_timeout "
    "external_secrets_wait_timeout gateway_wait_timeout "
    "istio_wait_timeout k3s_start_timeout preflight_timeout renewal_wait_timeout",
    _number(1, 1000): "egress_replicas istio_gateway_replicas renewal_batch_size",
    _form(r"(?!0*\.?0*$)[0-9]+(\.[0-9]+)?", "a number of seconds above 0"): "preflight_max_clock_skew",
    _switch: "edge_allow_no_sites edge_live_progress edge_reset_k3s api_client_install cert_manager_dns01_recursive_only "
    "cert_manager_remove_crds cert_manager_renewal_information certificate_fail_fast certificate_http01_preflight "
    "certificate_prune_secrets certificate_staging_first "
    "external_secrets_install external_secrets_refresh external_secrets_remove_crds gateway_wait_for_credentials "
    "host_ports_close_nodeports host_ports_filtered_elsewhere host_ports_firewall host_ports_refuse_held_ports istio_access_log "
    "istio_ingress_policy "
    "istio_remove_crds k3s_airgap_images k3s_allow_any_version_step k3s_firewall k3s_remove_node k3s_remove_node_identity k3s_wait "
    "preflight_serves_ipv6 renewal_http01_preflight report_fail",
    _form(r"(?i)true|false|yes|no|on|off|1|0|auto", "true, false or auto"): "host_ports_verify",
    _form("nftables|iptables|loadbalancer|auto", "nftables, iptables, loadbalancer or auto"): "host_ports_backend",
    _form("Local|Cluster", "Local or Cluster"): "istio_gateway_external_traffic_policy",
    _form("none|table|all", "none, table or all"): "report_gateways",
    _file("html"): "report_html",
    _file("json"): "report_json",
    _file("prom"): "report_metrics",
    _form(r"[^\s,;]+", "the name of a host"): "report_host",
    _form("continue|stop", "continue or stop"): "edge_on_site_failure",
    _form("|".join(_REASONS), f"one of {', '.join(_REASONS)}"): "revoke_reason",
    _name: "cert_manager_namespace external_secrets_namespace edge_instance edge_istio_namespace",
    _form(rf"{_LABEL}(\.{_LABEL})*", "a name of lower case letters, digits, '-' and '.'"): "istio_ingress_class",
    _form(_PATH.pattern, "an absolute path"): "cert_manager_chart_dir external_secrets_chart_dir edge_helm edge_tools_dir istio_chart_dir",
    # A unit names it.
    _form(r"/[\w./+@~-]*", "an absolute path of letters, digits and . _ / + @ ~ -"): "k3s_bin_dir",
    _form(rf"(~[\w.-]*)?{_PATH.pattern}", "an absolute path, or one in a home directory such as ~/.kube/config"): "edge_kubeconfig",
    _own_folder: "k3s_data_dir",
    _form(
        r"(?i)(https?|oci)://[^\s/]\S*|file:///\S*", "an address with its scheme, such as https://mirror.example.com/charts"
    ): "cert_manager_chart_repository external_secrets_chart_repository istio_chart_repository",
    _form(
        r"(?i)https?://[^\s/]\S*|file:///\S*", "an address with its scheme, such as https://mirror.example.com/k3s"
    ): "api_client_helm_url istio_gateway_api_url k3s_release_url",
    # K3s joins by no other scheme.
    _form(r"(?i)https://[^\s/?#]+/?", "an address with its scheme, https, such as https://lb.example.com:6443"): "k3s_server_url",
    _form(r"v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?", "the version of a release, such as v3.21.4"): "api_client_helm_version",
    _form(r"v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?", "the version of a release, such as v1.6.0"): "istio_gateway_api_version",
    _form(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?", "the version of a release, such as 0.16.2"): "external_secrets_version",
    _list: "cert_manager_used_issuers edge_host_addresses edge_hosts edge_server_hosts istio_ingress_users renewal_names "
    "revoke_serials revoke_sites",
    _each(lambda text: is_host(text.partition("%")[0]), "an IP address or a DNS name"): "host_ports_verify_addresses",
    _each(
        lambda text: is_host(text.partition("%")[0]) or is_network(text), "an IP address, a network or a DNS name"
    ): "k3s_firewall_sources",
    _each(lambda text: 1 <= (whole_number(text) or 0) <= 65535, "a TCP port from 1 to 65535"): "host_ports_pod_ports",
    _each(
        re.compile(r"https://\S+|(\[[0-9a-fA-F:.]+\]|[\w.-]+):[0-9]{1,5}").fullmatch,
        "an address with its port, such as 192.0.2.53:53 or [2001:db8::53]:53, or https://192.0.2.53/dns-query",
    ): "cert_manager_dns01_recursive_nameservers",
    _each(re.compile(r"[\w.+:/-]+").fullmatch, "a name without blanks"): "host_ports_firewalld_zones host_ports_packages",
    _reader(lambda value, variable: networks(as_list(value, variable), variable)): "host_ports_nodeport_sources",
    _reader(read_host_ports): "host_ports_ports",
    _connections: "istio_connection_settings",
    _gateways: "istio_gateways istio_ingress_gateway",
    # Judged with the versions of the others.
    lambda _fields, _variable: None: "cert_manager_version istio_version",
}
RULES = {variable: rule for rule, variables in _RULES.items() for variable in variables.split()}
# Lists, and what by default has no value.
_MAY_BE_EMPTY = (
    *("cert_manager_chart_dir", "external_secrets_chart_dir", "istio_chart_dir", "edge_kubeconfig", "k3s_server_url"),
    *("report_html", "report_json", "report_metrics"),
    *("preflight_serves_ipv6", "edge_host_addresses", "edge_hosts", "edge_server_hosts"),
    *("cert_manager_dns01_recursive_nameservers", "cert_manager_used_issuers", "host_ports_firewalld_zones"),
    *("host_ports_nodeport_sources", "host_ports_packages", "host_ports_pod_ports", "host_ports_ports"),
    *("host_ports_verify_addresses", "istio_connection_settings", "istio_gateways", "istio_ingress_users"),
    *("k3s_firewall_sources", "renewal_names", "revoke_serials", "revoke_sites"),
)


def plain_findings(values: Mapping[str, Any], given: bool = False) -> list[str]:
    """Return a sentence for each variable that is not what it must be.

    Args:
        values: Values by the names of the variables.
        given: Whether users gave them all. Else a variable without a value is left to its default.
    """
    found: list[str] = []
    for variable, rule in RULES.items():
        try:
            if values.get(variable) not in (None, ""):
                rule(Fields(values, "", found), variable)
            elif given and variable in values and variable not in _MAY_BE_EMPTY:
                found.append(f"{variable} is empty; give it a value, or remove it, so that its default counts")
        except UndefinedError:
            # It stands on the default of a role, which exists in the role's own play only, where the role reads it.
            continue
    return found
