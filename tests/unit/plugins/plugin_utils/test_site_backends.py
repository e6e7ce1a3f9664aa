# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the gateway talks to the services of sites, in the cluster and outside of it."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan

WEB, HOST = {"service": "web.shop", "port": 80}, "web.shop.svc.cluster.local"
SUBSETS = [{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}]


def site(*backends, name="app", routes=(WEB,), **fields):
    found = {"name": name, "hosts": [f"{name}.example.com"], "issuer": "letsencrypt", "routes": list(routes), **fields}
    return {**found, "backends": list(backends)}


def plan(*sites, **settings):
    return site_plan(list(sites), {"edge_email": "ops@example.com", **settings})


def rule(backend, routes=(WEB,), **fields):
    found = plan(site(backend, routes=routes, **fields))
    assert found["findings"] == []
    (only,) = found["destination_rules"]
    return only


@pytest.mark.parametrize(
    ("backend", "spec"),
    [
        ({"subsets": SUBSETS}, {"subsets": SUBSETS}),
        ({"load_balancing": "LEAST_REQUEST"}, {"trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}}}),
        (
            {"load_balancing": {"consistentHash": {"httpCookie": {"name": "user", "ttl": "0s"}}}},
            {"trafficPolicy": {"loadBalancer": {"consistentHash": {"httpCookie": {"name": "user", "ttl": "0s"}}}}},
        ),
        (
            {"outlier_detection": {"consecutive5xxErrors": 3, "interval": "10s"}},
            {"trafficPolicy": {"outlierDetection": {"consecutive5xxErrors": 3, "interval": "10s"}}},
        ),
        (
            {"connection_pool": {"tcp": {"maxConnections": 10}, "http": {"http1MaxPendingRequests": 1}}},
            {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 10}, "http": {"http1MaxPendingRequests": 1}}}},
        ),
        (
            {"tls": {"mode": "SIMPLE", "credentialName": "backend-ca", "sni": "inside"}},
            {"trafficPolicy": {"tls": {"mode": "SIMPLE", "credentialName": "backend-ca", "sni": "inside"}}},
        ),
        ({"tls": {"mode": "DISABLE"}, "subsets": []}, {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}),
    ],
    ids=str,
)
def test_a_rule_for_the_gateway_alone(backend, spec):
    found = rule({"service": "web.shop", **backend})
    assert found["metadata"]["name"] == f"app.{HOST}"
    assert found["metadata"]["namespace"] == "istio-ingress"
    assert found["metadata"]["labels"]["app.kubernetes.io/instance"] == "app"
    assert found["spec"] == {"host": HOST, **spec, "exportTo": ["."]}


def test_rules_stand_before_the_routes_to_them():
    found = plan(site({"service": "web.shop", "subsets": SUBSETS}, routes=[{"destinations": [{**WEB, "subset": "v2"}]}]))
    assert found["findings"] == []
    assert [each["kind"] for each in found["gateway_objects"]] == ["DestinationRule", "Gateway", "VirtualService", "VirtualService"]


def test_a_backend_of_which_nothing_is_said_has_no_rule():
    assert plan(site({"service": "web.shop"}))["destination_rules"] == []


# --- outside of the cluster

OLD = {"service": "old.example.org", "port": 443}


def outside(external, routes=(OLD,), **backend):
    found = plan(site({"service": "old.example.org", "external": external, **backend}, routes=routes))
    assert found["findings"] == []
    entry = found["gateway_objects"][0]
    service = next(each for each in found["virtual_services"] if each["metadata"]["name"] == "app")
    return entry, found["destination_rules"], service["spec"]["http"][0]


def test_a_server_with_tls_is_asked_and_checked_by_its_name():
    entry, (only,), http = outside({"port": 443})
    assert (entry["kind"], entry["metadata"]["name"]) == ("ServiceEntry", "app.old.example.org")
    assert entry["spec"] == {
        "hosts": ["old.example.org"],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "ports": [{"number": 443, "name": "https-443", "protocol": "HTTPS"}],
        "exportTo": ["."],
    }
    assert only["spec"]["trafficPolicy"]["tls"] == {"mode": "SIMPLE", "sni": "old.example.org", "subjectAltNames": ["old.example.org"]}
    assert http["rewrite"] == {"authority": "old.example.org"}


@pytest.mark.parametrize(
    ("external", "tls", "expected"),
    [
        ({"port": 443}, {"sni": "other"}, {"mode": "SIMPLE", "sni": "other", "subjectAltNames": ["old.example.org"]}),
        (
            {"port": 443, "tls": True},
            {"insecureSkipVerify": True},
            {"mode": "SIMPLE", "sni": "old.example.org", "insecureSkipVerify": True},
        ),
        (
            {"port": 443},
            {"mode": "MUTUAL", "credentialName": "us"},
            {"mode": "MUTUAL", "credentialName": "us", "sni": "old.example.org", "subjectAltNames": ["old.example.org"]},
        ),
        ({"port": 443, "tls": False}, None, None),
        ({"port": 8443}, None, None),
    ],
    ids=str,
)
def test_tls_to_a_server_outside(external, tls, expected):
    entry, rules, _http = outside(external, [{**OLD, "port": external["port"]}], **({"tls": tls} if tls else {}))
    assert [only["spec"]["trafficPolicy"]["tls"] for only in rules] == ([expected] if expected else [])
    assert entry["spec"]["ports"][0]["protocol"] == ("HTTPS" if expected else "HTTP")


def test_a_machine_beside_the_cluster_has_addresses_and_no_name_in_dns():
    entry, rules, http = outside(
        {"port": 8080, "addresses": ["192.0.2.7", "2001:db8::7"]}, [{**OLD, "port": 8080, "rewrite": {"uri": "/x"}}]
    )
    assert (entry["spec"]["resolution"], rules) == ("STATIC", [])
    assert entry["spec"]["endpoints"] == [{"address": "192.0.2.7"}, {"address": "2001:db8::7"}]
    assert http["rewrite"] == {"authority": "old.example.org", "uri": "/x"}


@pytest.mark.parametrize(
    ("route", "rewrite"),
    [
        ({**OLD, "rewrite": {"authority": "named.example.org"}}, {"authority": "named.example.org"}),
        ({"destinations": [{**OLD, "weight": 1}, {**WEB, "weight": 1}]}, None),
        ({"redirect": {"uri": "/"}}, None),
    ],
)
def test_requests_bear_the_name_of_the_server_only_where_it_is_the_only_one(route, rewrite):
    _entry, _rules, http = outside({"port": 443}, [{"exact": "/x", **route}, OLD])
    assert http.get("rewrite") == rewrite


def test_tls_passes_through_to_a_server_outside():
    raw = site({"service": "old.example.org", "external": {"port": 443, "tls": False}}, routes=[OLD], tls={"mode": "PASSTHROUGH"})
    found = plan({key: value for key, value in raw.items() if key != "issuer"})
    assert (found["findings"], found["destination_rules"]) == ([], [])
    assert found["gateway_objects"][0]["spec"]["ports"] == [{"number": 443, "name": "tls-443", "protocol": "TLS"}]


# --- what cannot be


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ({"service": "webb.shop"}, "backends[0] is for service 'webb.shop.svc.cluster.local', to which no route of the site goes"),
        ({"service": "web"}, "service is 'web'; its namespace is missing, write web.NAMESPACE"),
        ({"service": "192.0.2.7"}, "service is '192.0.2.7', an address; give it a name, and the address to external.addresses of backends"),
        ({"subset": []}, "key 'subset' is not known; did you mean 'subsets'? Allowed: service, subsets, tls,"),
        ({"subsets": [{"labels": {}}]}, "subsets[0].name is missing"),
        ({"subsets": [SUBSETS[0], SUBSETS[0]]}, "subsets has the name 'v1' 2 times; each subset has a name of its own"),
        ({"load_balancing": "ROUNDROBIN"}, "load_balancing.simple is 'ROUNDROBIN'; allowed: "),
        ({"load_balancing": [1]}, "load_balancing is [1]; it must be a dictionary"),
        ({"outlier_detection": {"interval": "soon"}}, "outlier_detection.interval is 'soon'; it must be a duration"),
        (
            {"connection_pool": {"tcp": {"maxConnection": 1}}},
            "connection_pool.tcp.maxConnection is not known; did you mean 'maxConnections'?",
        ),
        ({"tls": {"mode": "MUTAL"}}, "tls.mode is 'MUTAL'; allowed: "),
        (
            {"tls": {"mode": "MUTUAL", "clientCertificate": "/a"}},
            "tls.mode is MUTUAL, and no client certificate is named",
        ),
        (
            {"tls": {"mode": "SIMPLE", "credentialName": "a", "caCertificates": "/a"}},
            "tls has credentialName and caCertificates; remove one of them",
        ),
        ({"external": {"port": 80}}, f"external is for services outside of the cluster, and service is '{HOST}'"),
        ({"external": {}}, "port is missing"),
        ({"external": {"port": 80, "addresses": ["old"]}}, "addresses has 'old'; it must be an IP address"),
        ({"external": {"port": 80, "addresses": ["fe80::1%eth0"]}}, "addresses has 'fe80::1%eth0'; it must be an IP address"),
        ({"external": {"port": 80, "address": ["192.0.2.7"]}}, "key 'address' is not known; did you mean 'addresses'?"),
    ],
    ids=str,
)
def test_one_sentence_for_what_cannot_be(backend, said):
    found = plan(site({"service": "web.shop", **backend}))["findings"]
    assert len([text for text in found if said in text]) == 1, found


def test_ports_agree():
    found = plan(site({"service": "old.example.org", "external": {"port": 8443}}, routes=[OLD]))["findings"]
    assert found == ["edge_sites[0] (app): a route goes to port 443 of 'old.example.org', and backends[0].external.port is 8443"]


def test_a_service_has_one_entry():
    found = plan(site({"service": "web.shop"}, {"service": "web.shop.svc"}))["findings"]
    assert found == [f"edge_sites[0] (app): backends[1] is for service '{HOST}' again; put both into one entry"]


def test_sites_share_what_they_say_of_a_service():
    one = {"service": "web.shop", "subsets": SUBSETS}
    to = {"destinations": [{**WEB, "subset": "v2"}]}
    same = plan(site(one), site(one, name="b"), site(name="c", routes=[to]))
    assert same["findings"] == []
    assert [each["metadata"]["name"] for each in same["destination_rules"]] == [f"app.{HOST}"]
    (found,) = plan(site(one), site({**one, "load_balancing": "RANDOM"}, name="b"))["findings"]
    assert found.startswith(f"edge_sites (b): backends says otherwise of service '{HOST}' than site 'app'; a service has one rule")


@pytest.mark.parametrize("route", [{"destinations": [{**WEB, "subset": "v3"}]}, {**WEB, "mirror": {**WEB, "subset": "v3"}}])
def test_a_subset_that_is_not_defined(route):
    defined = site({"service": "web.shop", "subsets": SUBSETS})
    (found,) = plan(defined, site(name="b", routes=[route]))["findings"]
    assert found == f"edge_sites (b): a route goes to subset 'v3' of '{HOST}', and backends has v1, v2 for it"
    # Where no site defines subsets, the team of the service may.
    assert plan(site(routes=[route]))["findings"] == []


@pytest.mark.parametrize("subset", ["v2", 2, 1.5, True, ["v2"]])
def test_a_subset_that_is_no_dictionary(subset):
    (found,) = plan(site({"service": "web.shop", "subsets": [subset]}, name="b"), site(name="c"))["findings"]
    assert found.startswith("edge_sites[0].backends[0] (b): subsets[0] is ")
    refused = plan(site({"service": "web.shop", "subsets": [subset]}, routes=[{"destinations": [{**WEB, "subset": "v3"}]}]))["findings"]
    assert f"edge_sites (app): a route goes to subset 'v3' of '{HOST}', and backends has no subsets for it" in refused


@pytest.mark.parametrize(("host", "space"), [(HOST, "istio-ingress"), ("web.shop.svc.cluster.local", "istio-ingress")])
def test_a_raw_rule_for_the_same_service(host, space):
    raw = [{"metadata": {"name": "mine", "namespace": space}, "spec": {"host": host}}]
    found = plan(site({"service": "web.shop", "subsets": SUBSETS}), gateway_destination_rules=raw)["findings"]
    assert found == [
        f"gateway_destination_rules: 'mine' is for service '{HOST}', which backends of site 'app' is for, too; remove one of them"
    ]


@pytest.mark.parametrize(
    ("host", "space"), [(HOST, "shop"), ("other.shop.svc.cluster.local", "istio-ingress"), ("*.local", "istio-ingress")]
)
def test_raw_rules_that_are_no_others(host, space):
    raw = [{"metadata": {"name": "mine", "namespace": space}, "spec": {"host": host}}]
    assert plan(site({"service": "web.shop", "subsets": SUBSETS}), gateway_destination_rules=raw)["findings"] == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"host": "a", "subsets": [SUBSETS[0], SUBSETS[0]]}, "subsets has the name 'v1' 2 times; each subset has a name of its own"),
        (
            {"host": "a", "trafficPolicy": {"tls": {"mode": "MUTUAL", "privateKey": "/a"}}},
            "trafficPolicy.tls.mode is MUTUAL, and no client certificate is named; give credentialName, or files",
        ),
        (
            {"host": "a", "trafficPolicy": {"tls": {"mode": "SIMPLE", "credentialName": "a", "caCrl": "/a"}}},
            "trafficPolicy.tls has credentialName and caCrl; remove one of them",
        ),
    ],
)
def test_raw_rules_are_judged_alike(spec, said):
    found = plan(site(), gateway_destination_rules=[{"metadata": {"name": "raw"}, "spec": spec}])["findings"]
    assert found == [f"gateway_destination_rules[0].spec: {said}"]
