# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No server brings a request past the client certificate that another server asks for."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_objects
from ansible_collections.baremesh.edge.plugins.plugin_utils._client_certificates import bypassed
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan

PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
LABELS = {"istio": "ingress"}
LAB = {"name": "lab", "type": "selfsigned"}
NS = "istio-ingress"
MUTUAL = {"mode": "MUTUAL", "ca_certificate": PEM}
CHALLENGE = {"withoutHeaders": {":path": {"prefix": "/.well-known/acme-challenge/"}}}
MISDIRECTED = [{"match": [CHALLENGE], "directResponse": {"status": 421}}]


def site(name, *hosts, **fields):
    return {"name": name, "hosts": list(hosts), "issuer": "lab", "routes": [{"service": "web.default", "port": 80}], **fields}


WILD = site("wild", "*.example.com")
CLIENTS = site("clients", "mtls.example.com", tls=MUTUAL)


def plan(*sites, **variables):
    return make_plan(list(sites), {"cert_manager_issuers": [LAB], "edge_addresses": ["192.0.2.1"], **variables})


def refusals(found):
    services = [entry for entry in found["virtual_services"] if "directResponse" in str(entry)]
    return {entry["metadata"]["name"]: (entry["spec"]["hosts"], entry["spec"]["gateways"]) for entry in services}


def passed(gateways, services):
    return list(bypassed(gateways, services, LABELS, "cluster.local"))


def raw_gateway(name, *hosts, port=443, selector=None, space=None, **tls):
    tls = {"mode": "SIMPLE", "credentialName": name, **tls} if port == 443 else tls
    protocol = "HTTPS" if port == 443 else "HTTP"
    server = {"port": {"number": port, "name": "given", "protocol": protocol}, "hosts": list(hosts), **({"tls": tls} if tls else {})}
    metadata = {"name": name, **({"namespace": space} if space else {})}
    return {"metadata": metadata, "spec": {"selector": selector or LABELS, "servers": [server]}}


def raw_route(name, hosts, gateways, *http, service="web.default.svc.cluster.local"):
    rules = list(http) or [{"route": [{"destination": {"host": service, "port": {"number": 80}}}]}]
    return {"metadata": {"name": name}, "spec": {"hosts": hosts, "gateways": gateways, "http": rules}}


# --- sites: the wildcard answers 421


@pytest.mark.parametrize(
    ("wild", "hosts", "tls"),
    [
        (WILD, ["mtls.example.com"], MUTUAL),
        (WILD, ["mtls.example.com"], {**MUTUAL, "mode": "OPTIONAL_MUTUAL"}),
        (WILD, ["deep.under.example.com"], MUTUAL),
        (WILD, ["*.under.example.com"], MUTUAL),
        # Another authority's clients are others.
        ({**WILD, "tls": MUTUAL}, ["mtls.example.com"], MUTUAL),
        ({**WILD, "tls": {**MUTUAL, "mode": "OPTIONAL_MUTUAL"}}, ["mtls.example.com"], MUTUAL),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_wildcard_refuses_hosts_of_a_site_that_asks_for_certificates(wild, hosts, tls, turned):
    sites = [wild, site("clients", *hosts, tls=tls)]
    found = plan(*(reversed(sites) if turned else sites))
    assert found["findings"] == []
    assert refusals(found) == {"wild.misdirected": (hosts, [f"{NS}/wild"])}
    (service,) = [entry for entry in found["virtual_services"] if entry["metadata"]["name"] == "wild.misdirected"]
    assert service["spec"]["http"] == MISDIRECTED
    assert service in found["gateway_objects"]
    assert service["metadata"]["labels"]["app.kubernetes.io/instance"] == "wild"
    assert passed(found["gateways"], found["virtual_services"]) == []


def test_without_the_refusal_the_request_would_pass():
    found = plan(WILD, CLIENTS)
    others = [entry for entry in found["virtual_services"] if "misdirected" not in entry["metadata"]["name"]]
    (text,) = passed(found["gateways"], others)
    assert text.startswith(f"Gateway {NS}/wild brings requests for mtls.example.com to web.default.svc.cluster.local by its hosts '*.exam")
    assert f"past the client certificate that Gateway {NS}/clients asks for" in text


def test_an_application_that_ends_tls_is_refused_too():
    passing = {
        "name": "db",
        "hosts": ["db.example.com"],
        "tls": {"mode": "PASSTHROUGH"},
        "routes": [{"service": "web.default", "port": 443}],
    }
    assert refusals(plan(WILD, passing)) == {"wild.misdirected": (["db.example.com"], [f"{NS}/wild"])}


@pytest.mark.parametrize(
    "sites",
    [
        [WILD, site("app", "app.example.com")],
        [site("exact", "app.example.com"), CLIENTS],
        [WILD, site("clients", "mtls.example.org", tls=MUTUAL)],
        [WILD, site("clients", "example.com", tls=MUTUAL)],
        [site("clients", "*.example.com", "mtls.example.com", tls=MUTUAL)],
        [site("wild", "*.example.com", routes=[]), CLIENTS],
        [site("wild", "*.example.com", "mtls.example.com"), site("clients", "other.example.org", tls=MUTUAL)],
    ],
)
def test_other_sites_have_no_refusal(sites):
    found = plan(*sites)
    assert (found["findings"], refusals(found)) == ([], {})


def test_a_browser_that_is_refused_asks_again_so_that_no_connection_is_confused():
    assert plan(WILD, CLIENTS)["warnings"] == []


def test_port_80_behind_a_proxy_refuses_them_too():
    """There the wildcard's routes answer whoever says that the request was made over TLS."""
    off80 = {**CLIENTS, "redirect": False}
    found = plan(WILD, off80, edge_trusted_proxies=1)
    assert found["findings"] == []
    assert refusals(found) == {
        "wild.misdirected": (["mtls.example.com"], [f"{NS}/wild"]),
        "wild.misdirected-http": (["mtls.example.com"], [f"{NS}/edge-http"]),
    }
    assert "wild.misdirected-http" not in refusals(plan({**WILD, "redirect": False}, off80, edge_trusted_proxies=1))
    assert "wild.misdirected-http" not in refusals(plan(WILD, off80))


# --- raw manifests: a finding

STRICT = raw_gateway("strict", "mtls.example.com", mode="MUTUAL")
TO_STRICT = raw_route("strict", ["mtls.example.com"], ["strict"])
WIDE = raw_gateway("wide", "*.example.com")
TO_WEB = {"route": [{"destination": {"host": "web.default.svc.cluster.local"}}]}


def findings(gateways, services, *sites):
    return plan(*sites, gateway_gateways=gateways, gateway_virtual_services=services)["findings"]


@pytest.mark.parametrize(
    ("gateways", "services", "sites"),
    [
        ([STRICT, WIDE], [TO_STRICT, raw_route("wide", ["*.example.com"], ["wide"])], []),
        ([STRICT, WIDE], [TO_STRICT, raw_route("wide", ["*"], [f"{NS}/wide"])], []),
        ([STRICT, raw_gateway("wide", "*")], [TO_STRICT, raw_route("wide", ["*"], ["wide"])], []),
        ([STRICT, raw_gateway("wide", "istio-ingress/*.example.com")], [TO_STRICT, raw_route("wide", ["*.example.com"], ["wide"])], []),
        ([WIDE], [raw_route("wide", ["*.example.com"], ["wide"])], [CLIENTS]),
        # Plain HTTP asks for no certificate either.
        ([raw_gateway("plain", "*", port=80)], [raw_route("plain", ["*"], ["plain"])], [{**CLIENTS, "redirect": False}]),
        ([], [raw_route("plain", ["*.example.com"], ["edge-http"])], [{**CLIENTS, "redirect": False}]),
        ([STRICT, raw_gateway("wide", "*.example.com", mode="OPTIONAL_MUTUAL")], [TO_STRICT, raw_route("wide", ["*"], ["wide"])], []),
        # A client chooses its headers.
        (
            [STRICT, WIDE],
            [TO_STRICT, raw_route("wide", ["*.example.com"], ["wide"], {"match": [{"headers": {"x-a": {"exact": "b"}}}], **TO_WEB})],
            [],
        ),
        # A refusal by the exact text of the name is passed by: with a port, or in capitals.
        (
            [STRICT, WIDE],
            [
                TO_STRICT,
                raw_route(
                    "wide",
                    ["*.example.com"],
                    ["wide"],
                    {"match": [{"authority": {"exact": "mtls.example.com"}}], "directResponse": {"status": 421}},
                    {"route": [{"destination": {"host": "web.default.svc.cluster.local"}}]},
                ),
            ],
            [],
        ),
    ],
)
def test_raw_manifests_that_bring_requests_past_a_client_certificate(gateways, services, sites):
    (found,) = findings(gateways, services, *sites)
    assert "brings requests for mtls.example.com to web.default.svc.cluster.local by its hosts '*" in found
    assert "past the client certificate that Gateway istio-ingress/" in found


GUARD = {"match": [{"authority": {"regex": r"(?i)mtls\.example\.com(:\d+)?"}}], "directResponse": {"status": 421}}


@pytest.mark.parametrize(
    ("gateways", "services", "sites"),
    [
        # Another service, other names, other pods, a redirect, as strict.
        ([STRICT, WIDE], [TO_STRICT, raw_route("wide", ["*.example.com"], ["wide"], service="other.default.svc.cluster.local")], []),
        ([STRICT, WIDE], [TO_STRICT, raw_route("wide", ["x.example.com"], ["wide"])], []),
        ([STRICT, raw_gateway("wide", "*", selector={"istio": "inner"})], [TO_STRICT, raw_route("wide", ["*"], ["wide"])], []),
        *(
            (
                [STRICT, raw_gateway("wide", "*", mode=mode, **({} if mode == "MUTUAL" else {"credentialName": ""}))],
                [TO_STRICT, raw_route("wide", ["*"], ["wide"])],
                [],
            )
            for mode in ("MUTUAL", "ISTIO_MUTUAL", "PASSTHROUGH", "AUTO_PASSTHROUGH")
        ),
        (
            [raw_gateway("plain", "*", port=80, httpsRedirect=True)],
            [raw_route("plain", ["*"], ["plain"])],
            [{**CLIENTS, "redirect": False}],
        ),
        ([STRICT, WIDE], [TO_STRICT, raw_route("wide", ["*"], ["wide"], {"redirect": {"uri": "/"}})], []),
        # One for the inside, one for the outside, on a port of its own.
        ([STRICT, raw_gateway("wide", "mtls.example.com", port=8443)], [TO_STRICT, raw_route("wide", ["*"], ["wide"])], []),
        # What the finding advises.
        (
            [STRICT, WIDE],
            [
                TO_STRICT,
                raw_route("wide", ["*.example.com"], ["wide"]),
                raw_route("guard", ["mtls.example.com"], ["wide"], {"directResponse": {"status": 421}}),
            ],
            [],
        ),
        ([STRICT, WIDE], [TO_STRICT, raw_route("wide", ["*.example.com"], ["wide"], GUARD, TO_WEB)], []),
        # One VirtualService for both, whose rules say where they are for.
        (
            [STRICT, raw_gateway("plain", "*", port=80)],
            [
                raw_route(
                    "both",
                    ["mtls.example.com"],
                    ["strict", "plain"],
                    {**TO_WEB, "match": [{"port": 443}]},
                    {"redirect": {"scheme": "https"}},
                )
            ],
            [],
        ),
        (
            [STRICT, raw_gateway("plain", "*", port=80)],
            [raw_route("both", ["mtls.example.com"], ["strict", "plain"], {**TO_WEB, "match": [{"gateways": ["strict"]}]})],
            [],
        ),
        ([WIDE], [raw_route("wide", ["x.example.com", "y.example.com"], ["wide"])], [CLIENTS]),
    ],
)
def test_raw_manifests_that_pass(gateways, services, sites):
    assert findings(gateways, services, *sites) == []


def test_a_wildcard_site_refuses_hosts_of_a_raw_gateway():
    found = plan(WILD, gateway_gateways=[STRICT], gateway_virtual_services=[TO_STRICT])
    assert (found["findings"], refusals(found)) == ([], {"wild.misdirected": (["mtls.example.com"], [f"{NS}/wild"])})


def test_what_a_raw_route_brings_to_the_gateway_of_a_site_is_left_alone():
    mine = raw_route("mine", ["mtls.example.com"], [f"{NS}/wild"], service="login.default.svc.cluster.local")
    found = plan(WILD, CLIENTS, gateway_virtual_services=[mine])
    assert (found["findings"], refusals(found)) == ([], {})


# --- the issuer of a server's own certificate judges its clients

LAB_REFERENCE = {"name": "lab", "kind": "ClusterIssuer"}
OWNED = [{"metadata": {"name": "c"}, "spec": {"secretName": "strict", "dnsNames": ["mtls.example.com"], "issuerRef": LAB_REFERENCE}}]
TO_OWN_SECRET = {"name": "x", "hosts": ["x.example.org"], "tls": {"mode": "MUTUAL", "credential": "strict"}}


def warnings(*sites, **variables):
    return plan(*sites, certificate_certificates=OWNED, **variables)["warnings"]


@pytest.mark.parametrize(
    ("sites", "gateways"), [([], [STRICT]), ([TO_OWN_SECRET], []), ([], [raw_gateway("strict", "a.example.com", mode="OPTIONAL_MUTUAL")])]
)
def test_a_server_that_lets_in_whom_its_issuer_knows_is_warned_of(sites, gateways):
    (found,) = warnings(*sites, gateway_gateways=gateways)
    assert "everybody who may get a certificate of issuer 'lab' is let in unless a Secret 'strict-cacert' holds another authority" in found


@pytest.mark.parametrize(
    ("sites", "gateways"),
    [
        ([], [raw_gateway("strict", "a.example.com")]),
        ([], [raw_gateway("strict", "a.example.com", mode="MUTUAL", subjectAltNames=["client.example.com"])]),
        ([], [raw_gateway("strict", "a.example.com", mode="MUTUAL", caCertCredentialName="partners")]),
        ([], [raw_gateway("other", "a.example.com", mode="MUTUAL")]),
        ([{**TO_OWN_SECRET, "tls": {**TO_OWN_SECRET["tls"], "ca_certificate": PEM}}], []),
        ([{**TO_OWN_SECRET, "tls": {**TO_OWN_SECRET["tls"], "subject_alt_names": ["client.example.com"]}}], []),
    ],
)
def test_a_server_that_knows_its_clients_is_not(sites, gateways):
    assert warnings(*sites, gateway_gateways=gateways) == []


# --- VirtualServices of other namespaces


def policy(*sites, **variables):
    found = plan(*sites, **variables)
    assert found["findings"] == []
    return found["policies"]


def test_others_do_not_join_the_sites():
    made, binding = policy(site("app", "app.example.com"), site("later", "later.example.com", routes=[], redirect=False))
    assert (made["kind"], binding["kind"]) == ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    assert binding["spec"] == {"policyName": made["metadata"]["name"], "validationActions": ["Deny"]}
    joins, on_80, hosts = [check["expression"] for check in made["spec"]["validations"]]
    # A site without routes is there for those of others.
    assert joins == '!has(object.spec.gateways) || !object.spec.gateways.exists(name, name in ["istio-ingress/app"])'
    assert on_80.endswith('name == "istio-ingress/edge-http") || !object.spec.hosts.exists(host, host.lowerAscii() in ["app.example.com"])')
    assert 'in ["app.example.com", "later.example.com"]' in hosts
    assert 'key in {"istio": "ingress"}' in hosts
    (free,) = made["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert (free["operator"], free["values"]) == ("NotIn", [NS])
    assert all("\n" not in check["message"] for check in made["spec"]["validations"])


def test_namespaces_that_may_join():
    apps = raw_route("mine", ["mine.example.org"], [f"{NS}/app"])
    apps["metadata"]["namespace"] = "apps"
    made, _binding = policy(site("app", "app.example.com"), gateway_virtual_services=[apps], gateway_route_namespaces="team-a, team-b")
    (free,) = made["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert free["values"] == ["apps", NS, "team-a", "team-b"]


@pytest.mark.parametrize(
    ("sites", "variables"),
    [
        ([site("app", "app.example.com")], {"gateway_route_namespaces": ["*"]}),
        ([], {}),
    ],
)
def test_where_all_may_join_there_is_no_policy(sites, variables):
    assert policy(*sites, **variables) == []


def test_more_names_than_an_expression_can_hold_are_kept_by_several_policies(monkeypatch):
    sites = [site(f"site-{number}", f"{number}.example.com") for number in range(10)]
    sites.append(site("many", *[f"h{number}.example.com" for number in range(9)]))
    assert len(policy(*sites)) == 2
    monkeypatch.setattr(_site_objects, "_LONGEST_EXPRESSION", 200)
    made = policy(*sites)
    policies, bindings = made[::2], made[1::2]
    names = [each["metadata"]["name"] for each in policies]
    assert names == [binding["spec"]["policyName"] for binding in bindings] == list(dict.fromkeys(names))
    assert len(names) > 2
    expressions = [[check["expression"] for check in each["spec"]["validations"]] for each in policies]
    assert max(len(name) for three in expressions for name in three) < 500
    joins, on_80, hosts = ("".join(found) for found in zip(*expressions))
    for each in sites:
        assert f'"{NS}/{each["name"]}"' in joins
        assert all(f'"{host}"' in hosts and f'"{host}"' in on_80 for host in each["hosts"])


LABEL = st.sampled_from(["a", "b", "*"])
HOST = st.builds(lambda label, zone: f"{label}.{zone}", LABEL, st.sampled_from(["example.com", "x.example.com", "y.x.example.com"]))
MODES = st.sampled_from([{}, MUTUAL, {**MUTUAL, "mode": "OPTIONAL_MUTUAL"}])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(HOST, MODES, st.booleans()), min_size=2, max_size=5, unique_by=lambda entry: entry[0]), st.booleans())
def test_no_sites_together_bring_requests_past_a_client_certificate(entries, behind_proxy):
    sites = [
        site(f"s{n}", host, tls=tls, redirect=redirect and not (tls and behind_proxy)) for n, (host, tls, redirect) in enumerate(entries)
    ]
    found = plan(*sites, edge_trusted_proxies=int(behind_proxy))
    assert found["findings"] == []
    http = {"metadata": {"name": "edge-http", "namespace": NS}, "spec": {"servers": [{"port": {"number": 80}, "hosts": ["*"]}]}}
    assert passed([http, *found["gateways"]], found["virtual_services"]) == []
