# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of Istio's gateway chart."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._releases import (
    ACCESS_LOG_PROVIDER,
    gateway_releases,
    istio_gateway_releases,
    merged,
)

SETTINGS = {"namespace": "istio-ingress", "version": "1.31.1"}
INGRESS = {
    "name": "istio-ingress",
    "selector": {"istio": "ingress"},
    "replicas": 2,
    "external_traffic_policy": "Local",
    "ports": [{"name": "https", "port": 443, "node_port": "30443"}],
}


def releases(*gateways, common=None):
    found, findings = gateway_releases(list(gateways), {**SETTINGS, "values": common or {}})
    assert findings == []
    return found


def test_an_ingress_gateway_on_node_ports():
    (found,) = releases(INGRESS)
    values = found.pop("values")
    assert found == {"name": "istio-ingress", "namespace": "istio-ingress", "chart": "gateway", "chart_version": "1.31.1"}
    assert values["labels"] == {"istio": "ingress"}
    assert values["imagePullPolicy"] == "IfNotPresent"
    assert values["replicaCount"] == 2
    assert values["service"] == {
        "type": "NodePort",
        "externalTrafficPolicy": "Local",
        "ports": [{"name": "https", "port": 443, "targetPort": 443, "protocol": "TCP", "nodePort": 30443}],
    }


def test_new_pods_come_before_old_ones_go_though_there_is_one_on_each_node():
    (found,) = releases(INGRESS)
    (constraint,) = found["values"]["topologySpreadConstraints"]
    assert constraint["matchLabelKeys"] == ["pod-template-hash"]
    assert constraint["labelSelector"] == {"matchLabels": {"app": "istio-ingress"}}


def test_an_egress_gateway_has_no_door_outside():
    (found,) = releases({"name": "istio-egress", "service_type": "ClusterIP", "external_traffic_policy": "Local"})
    assert found["values"]["labels"] == {"istio": "egress"}
    assert "externalTrafficPolicy" not in found["values"]["service"]
    assert [port["port"] for port in found["values"]["service"]["ports"]] == [15021, 80, 443]


@pytest.mark.parametrize(("service_type", "ports"), [("NodePort", [80, 443]), ("LoadBalancer", [15021, 80, 443]), (None, [80, 443])])
def test_the_status_port_is_no_node_port(service_type, ports):
    (found,) = releases({"name": "istio-ingress", **({"service_type": service_type} if service_type else {})})
    assert [port["port"] for port in found["values"]["service"]["ports"]] == ports


def test_a_daemon_set_is_neither_counted_nor_spread():
    (found,) = releases(dict(INGRESS, kind="DaemonSet"))
    assert not {"replicaCount", "topologySpreadConstraints"} & set(found["values"])


def test_values_of_all_and_of_one():
    common = {"resources": {"limits": {"cpu": "1"}}, "service": {"annotations": {"a": "b"}}}
    (found,) = releases(dict(INGRESS, values={"resources": {"limits": {"cpu": "2"}}}), common=common)
    assert found["values"]["resources"] == {"limits": {"cpu": "2"}}
    assert found["values"]["service"]["annotations"] == {"a": "b"}
    assert found["values"]["service"]["type"] == "NodePort"


@pytest.mark.parametrize(
    ("given", "topology"),
    [
        ({"trusted_proxies": "2"}, '{"gatewayTopology":{"numTrustedProxies":2}}'),
        ({"proxy_protocol": "true"}, '{"gatewayTopology":{"proxyProtocol":{}}}'),
        ({"trusted_proxies": 1, "proxy_protocol": True}, '{"gatewayTopology":{"numTrustedProxies":1,"proxyProtocol":{}}}'),
    ],
)
def test_proxies_in_front_are_an_annotation_of_the_pods(given, topology):
    (found,) = releases(dict(INGRESS, **given), common={"podAnnotations": {"a": "b"}})
    assert found["values"]["podAnnotations"] == {"proxy.istio.io/config": topology, "a": "b"}


SETTINGS_OF_CONNECTIONS = {"profile": "EDGE", "httpRequestTimeout": "0s", "globalDownstreamConnectionLimit": 20000}


def of_connections(value, version="1.31.1", **entry):
    return gateway_releases([{**INGRESS, "connection_settings": value, **entry}], {**SETTINGS, "version": version})


@pytest.mark.parametrize(
    ("version", "known"), [("1.31.1", True), ("1.32.0-rc.1", True), ("2.0.0", True), ("1.30.4", False), ("latest", False)]
)
@pytest.mark.parametrize("value", [SETTINGS_OF_CONNECTIONS, str(SETTINGS_OF_CONNECTIONS)])
def test_how_connections_are_treated_is_an_annotation_for_an_istio_that_knows_it(version, known, value):
    ((found,), findings) = of_connections(value, version)
    assert findings == []
    annotation = '{"connectionSettings":{"profile":"EDGE","httpRequestTimeout":"0s","globalDownstreamConnectionLimit":20000},'
    annotation += '"proxyMetadata":{"ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS":"20000"}}'
    assert found["values"].get("podAnnotations") == ({"proxy.istio.io/config": annotation} if known else None)


def test_proxies_in_front_and_connections_share_the_annotation():
    ((found,), findings) = of_connections({"profile": "EDGE"}, trusted_proxies=1)
    config = '{"gatewayTopology":{"numTrustedProxies":1},"connectionSettings":{"profile":"EDGE"}}'
    assert (found["values"]["podAnnotations"], findings) == ({"proxy.istio.io/config": config}, [])


@pytest.mark.parametrize("value", [{}, "", None])
def test_nothing_said_of_connections_leaves_istios_own(value):
    assert of_connections(value)[0] == releases(INGRESS)


def test_an_annotation_of_ones_own_says_all_of_connections():
    own = {"podAnnotations": {"proxy.istio.io/config": "{}"}}
    ((found,), findings) = of_connections({"profile": "EDGE"}, values=own)
    assert (found["values"]["podAnnotations"], findings) == (own["podAnnotations"], [])


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        ("EDGE", "connection_settings is 'EDGE'; it must be a dictionary"),
        ({"profile": "edge"}, "connection_settings.profile is 'edge'; allowed: SIDECAR, EDGE"),
        ({"httpRequestTimeout": "5m"}, "connection_settings.httpRequestTimeout is '5m'; it must match"),
        ({"http_request_timeout": "5s"}, "connection_settings.http_request_timeout is not known; did you mean 'httpRequestTimeout'?"),
        ({"listenerConnectionLimit": 0}, "connection_settings.listenerConnectionLimit is 0; it must be at least 1"),
        ({"httpMergeSlashes": "yes"}, "connection_settings.httpMergeSlashes is 'yes'; it must be"),
    ],
)
def test_what_cannot_be_said_of_connections(value, finding):
    (found,) = of_connections(value)[1]
    assert found.startswith(f"istio_gateways[0] (istio-ingress): {finding}")


def test_a_key_that_a_later_istio_may_know_is_left_to_it():
    assert of_connections({"httpNewThing": 1}, "1.99.0")[1] == []


def test_without_proxies_the_pods_are_what_they_were():
    assert releases(dict(INGRESS, trusted_proxies="0", proxy_protocol="false")) == releases(INGRESS)


@pytest.mark.parametrize(
    ("gateways", "expected"),
    [
        ("ingress", "istio_gateways is 'ingress'; it must be a list of gateways"),
        (["ingress"], "istio_gateways[0] is 'ingress'; a gateway is a dictionary with at least a name"),
        ([dict(INGRESS, replica=1)], "istio_gateways[0] (istio-ingress): key 'replica' is not known; did you mean 'replicas'?"),
        ([dict(INGRESS, kind="StatefulSet")], "istio_gateways[0] (istio-ingress): kind is 'StatefulSet', which is not known;"),
        ([dict(INGRESS, ports=[{"name": "x", "port": 0}])], "istio_gateways[0].ports[0] (istio-ingress): port is '0'; it must be a number"),
        (
            [dict(INGRESS, trusted_proxies=-1)],
            "istio_gateways[0] (istio-ingress): trusted_proxies is '-1'; it must be a number from 0 to 16",
        ),
        ([dict(INGRESS, proxy_protocol="v2")], "istio_gateways[0] (istio-ingress): proxy_protocol is 'v2'; it must be true or false"),
        (
            [dict(INGRESS, trusted_proxies=1, values={"podAnnotations": {"proxy.istio.io/config": "{}"}})],
            "istio_gateways[0] (istio-ingress): values have an annotation proxy.istio.io/config of their own, which would replace",
        ),
        ([dict(INGRESS, ports=[443])], "istio_gateways[0] (istio-ingress): ports[0] is 443; it must be a dictionary"),
        ([INGRESS, dict(INGRESS, ports=[])], "istio_gateways[1] (istio-ingress): another gateway has the same name and namespace"),
        ([INGRESS, dict(INGRESS, name="b")], "istio_gateways[1] (b): node port 30443 is already that of gateway 'istio-ingress'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(gateways, expected):
    findings = gateway_releases(gateways, SETTINGS)[1]
    assert len(findings) == 1
    assert findings[0].startswith(expected)


def test_merging_leaves_its_arguments_alone():
    base, over = {"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": [1]}
    assert merged(base, over) == {"a": {"b": 1, "c": 3}, "d": [1]}
    assert base == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize(
    ("settings", "entry", "finding"),
    [
        ({"trusted_proxies": 2}, {}, "edge_trusted_proxies is 2 and edge_proxy_protocol is false"),
        ({"proxy_protocol": True}, {}, "edge_trusted_proxies is 0 and edge_proxy_protocol is true"),
        ({"trusted_proxies": 2}, {"trusted_proxies": 2}, ""),
        ({"trusted_proxies": 0, "proxy_protocol": False}, {}, ""),
        # As ansible-core gives numbers before 2.19.
        ({"trusted_proxies": "0", "proxy_protocol": False}, {}, ""),
        ({"trusted_proxies": "2"}, {}, "edge_trusted_proxies is 2 and edge_proxy_protocol is false"),
        (
            {"trusted_proxies": 2},
            {"connection_settings": {"profile": "EDGE"}},
            "edge_trusted_proxies is 2 and edge_proxy_protocol is false",
        ),
    ],
)
def test_the_ingress_gateway_must_know_of_the_proxies_in_front(settings, entry, finding):
    found = gateway_releases([{**INGRESS, **entry}], {**SETTINGS, "ingress": "istio-ingress", **settings})[1]
    if not finding:
        assert found == []
        return
    (sentence,) = found
    assert sentence == (
        f"istio_gateways[0] (istio-ingress): it leaves out the proxies in front, but {finding}; "
        "write trusted_proxies and proxy_protocol into it"
    )


def test_no_gateway_at_all():
    assert gateway_releases([], SETTINGS)[1] == ["istio_gateways is empty; without a gateway nothing is served"]


def _logs(*gateways, access_log=True):
    settings = {**SETTINGS, "access_log": access_log, "labels": {"a": "b"}}
    return {entry["metadata"]["name"]: entry for entry in istio_gateway_releases(list(gateways), settings)["access_logs"]}


def test_the_pods_of_a_gateway_log_requests_and_no_others_do():
    egress = {"name": "istio-egress", "namespace": "istio-egress", "values": {"labels": {"team": "a"}}}
    found = _logs(INGRESS, egress)
    assert list(found) == ["istio-ingress-access-log", "istio-egress-access-log"]
    assert found["istio-ingress-access-log"] == {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": {"name": "istio-ingress-access-log", "namespace": "istio-ingress", "labels": {"a": "b"}},
        "spec": {"selector": {"matchLabels": {"istio": "ingress"}}, "accessLogging": [{"providers": [{"name": ACCESS_LOG_PROVIDER}]}]},
    }
    # Labels that pods really have, those in the values of the chart among them.
    assert found["istio-egress-access-log"]["spec"]["selector"] == {"matchLabels": {"istio": "egress", "team": "a"}}


@pytest.mark.parametrize(
    ("general", "own", "logs"),
    [(True, None, True), (False, None, False), (False, "yes", True), (True, "no", False), (True, False, False)],
)
def test_one_gateway_may_log_other_than_all(general, own, logs):
    assert bool(_logs(dict(INGRESS, access_log=own), access_log=general)) is logs


def test_a_bad_switch_of_one_gateway_is_named():
    found = gateway_releases([dict(INGRESS, access_log="json")], SETTINGS)[1]
    assert found == ["istio_gateways[0] (istio-ingress): access_log is 'json'; it must be true or false"]
