# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a route may say of requests and answers, what becomes of it, and what it must not say."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan

WEB = {"service": "web.shop", "port": 80}
HOST = {"host": "web.shop.svc.cluster.local", "port": {"number": 80}}
TWO = [{**WEB, "subset": "v1", "weight": 90}, {**WEB, "subset": "v2", "weight": 10}]


def plan(*routes, **fields):
    site = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt", "routes": list(routes), **fields}
    return site_plan([site], {"edge_email": "ops@example.com"})


def rule(route, **fields):
    """The rule of a VirtualService that becomes of a route."""
    found = plan(route, **fields)
    assert found["findings"] == []
    (service,) = [each for each in found["virtual_services"] if each["metadata"]["name"] == "app"]
    (only,) = service["spec"]["http"]
    return only


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"method": "GET"}, {"method": {"exact": "GET"}}),
        ({"method": {"regex": "GET|HEAD"}}, {"method": {"regex": "GET|HEAD"}}),
        ({"method": "PURGE"}, {"method": {"exact": "PURGE"}}),
        ({"with_headers": {"X-Canary": "yes"}}, {"headers": {"x-canary": {"exact": "yes"}}}),
        ({"with_headers": {"x-canary": True}}, {"headers": {"x-canary": {"exact": "true"}}}),
        ({"with_headers": {"x-user": None}}, {"headers": {"x-user": {}}}),
        (
            {"with_headers": {"cookie": {"regex": "^(.*?;)?(user=jason)(;.*)?$"}}},
            {"headers": {"cookie": {"regex": "^(.*?;)?(user=jason)(;.*)?$"}}},
        ),
        ({"without_headers": {"authorization": {}}}, {"withoutHeaders": {"authorization": {}}}),
        ({"without_headers": {"authorization": {"regex": "*"}}}, {"withoutHeaders": {"authorization": {"regex": "*"}}}),
        ({"query": {"Version": 2, "debug": {"prefix": "a"}}}, {"queryParams": {"Version": {"exact": "2"}, "debug": {"prefix": "a"}}}),
        ({"prefix": "/Api", "ignore_case": True}, {"uri": {"prefix": "/Api"}, "ignoreUriCase": True}),
        ({"exact": "/x", "ignore_case": "yes"}, {"uri": {"exact": "/x"}, "ignoreUriCase": True}),
        (
            {"prefix": "/", "method": "POST", "query": {"a": ""}},
            {"uri": {"prefix": "/"}, "method": {"exact": "POST"}, "queryParams": {"a": {"exact": ""}}},
        ),
    ],
    ids=str,
)
def test_what_is_matched(given, match):
    assert rule({**WEB, **given})["match"] == [match]


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (WEB, {"route": [{"destination": HOST}]}),
        ({"destinations": [WEB]}, {"route": [{"destination": HOST}]}),
        (
            {"destinations": TWO},
            {"route": [{"destination": {**HOST, "subset": "v1"}, "weight": 90}, {"destination": {**HOST, "subset": "v2"}, "weight": 10}]},
        ),
        (
            {"destinations": [{**WEB, "weight": 0}, {**WEB, "port": 81, "weight": "3"}]},
            {"route": [{"destination": HOST, "weight": 0}, {"destination": {**HOST, "port": {"number": 81}}, "weight": 3}]},
        ),
        ({"redirect": {"authority": "www.example.com"}}, {"redirect": {"authority": "www.example.com"}}),
        ({"redirect": {"uri": "/new", "redirectCode": 308}}, {"redirect": {"uri": "/new", "redirectCode": 308}}),
        (
            {"prefix": "/old", "redirect": {"prefixRewrite": "/new"}},
            {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"prefixRewrite": "/new"}},
        ),
        (
            {"direct_response": {"status": 503, "body": {"string": "Back soon"}}},
            {"directResponse": {"status": 503, "body": {"string": "Back soon"}}},
        ),
        ({**WEB, "rewrite": "/y"}, {"route": [{"destination": HOST}], "rewrite": {"uri": "/y"}}),
        (
            {**WEB, "rewrite": {"uriRegexRewrite": {"match": "^/v[0-9]+/(.*)", "rewrite": r"/\1"}}},
            {"route": [{"destination": HOST}], "rewrite": {"uriRegexRewrite": {"match": "^/v[0-9]+/(.*)", "rewrite": r"/\1"}}},
        ),
        (
            {**WEB, "rewrite": {"authority": "inside.example.org"}},
            {"route": [{"destination": HOST}], "rewrite": {"authority": "inside.example.org"}},
        ),
        (
            {**WEB, "cors": {"allowOrigins": [{"exact": "https://a.example.com"}], "allowCredentials": True, "maxAge": "24h"}},
            {
                "route": [{"destination": HOST}],
                "corsPolicy": {"allowOrigins": [{"exact": "https://a.example.com"}], "allowCredentials": True, "maxAge": "24h"},
            },
        ),
        ({**WEB, "mirror": {**WEB, "subset": "v2"}}, {"route": [{"destination": HOST}], "mirror": {**HOST, "subset": "v2"}}),
        (
            {**WEB, "mirror": {**WEB, "percentage": 0.5}},
            {"route": [{"destination": HOST}], "mirror": HOST, "mirrorPercentage": {"value": 0.5}},
        ),
        (
            {**WEB, "fault": {"abort": {"percentage": {"value": 100}, "httpStatus": 503}}},
            {"route": [{"destination": HOST}], "fault": {"abort": {"percentage": {"value": 100}, "httpStatus": 503}}},
        ),
        ({**WEB, "retries": {"attempts": 0}}, {"route": [{"destination": HOST}], "retries": {"attempts": 0}}),
    ],
    ids=str,
)
def test_what_becomes_of_a_request(given, fields):
    assert rule(given) == fields


def test_behind_a_proxy_conditions_of_the_route_stay():
    route = {**WEB, "with_headers": {"x-a": "1"}, "without_headers": {"x-b": None}}
    site = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt", "routes": [route]}
    settings = {"edge_email": "ops@example.com", "edge_trusted_proxies": 1, "edge_proxy_addresses": ["192.0.2.9"]}
    found = site_plan([site], settings)
    (service,) = [each for each in found["virtual_services"] if each["metadata"]["name"] == "app-redirect"]
    (match,) = service["spec"]["http"][0]["match"]
    assert match["headers"] == {"x-a": {"exact": "1"}, "x-forwarded-proto": {"exact": "https"}}
    assert match["withoutHeaders"] == {"x-b": {}, ":path": {"prefix": "/.well-known/acme-challenge/"}}


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({}, "has no service; a route has one of service, destinations, redirect, direct_response"),
        ({"destinations": []}, "has no service; a route has one of service, destinations, redirect, direct_response"),
        (
            {**WEB, "redirect": {"uri": "/"}},
            "has service and redirect; a route has one of service, destinations, redirect, direct_response",
        ),
        ({"redirect": {"uri": "/"}, "port": 80}, "port is for service, and the route has redirect"),
        ({"service": "web.shop"}, "port is missing"),
        ({**WEB, "method": "get"}, "method is 'get'; write 'GET'"),
        ({**WEB, "method": ["GET"]}, "method is a list; it must be a dictionary"),
        ({**WEB, "method": {"oneof": "GET"}}, "method.oneof is not known; Allowed: exact, prefix, regex"),
        (
            {**WEB, "with_headers": {"x": {"exact": "a", "prefix": "b"}}},
            "with_headers.x has exact and prefix; only one of exact, prefix, regex is allowed",
        ),
        ({**WEB, "with_headers": ["x-canary"]}, "with_headers is ['x-canary']; it must be a dictionary"),
        (
            {**WEB, "with_headers": {"x": {"regex": "(?!a)"}}},
            "with_headers.x: regex is '(?!a)'; Envoy's regular expressions (RE2) do not have '(?!'",
        ),
        (
            {**WEB, "query": {"v": {"regex": "["}}},
            "query.v: regex is '['; it must be a regular expression (RE2): unterminated character set at position 0",
        ),
        ({**WEB, "method": {"prefix": ""}}, "method has an empty prefix"),
        ({**WEB, "with_headers": {"x": {"regex": ""}}}, "with_headers.x has an empty regex"),
        ({"redirect": {"uri": "/", "prefixRewrite": "/"}}, "redirect has uri and prefixRewrite; only one of them is allowed"),
        ({**WEB, "rewrite": {}}, "rewrite changes nothing; give it one of uri, uriRegexRewrite, authority"),
        ({**WEB, "ignore_case": True}, "ignore_case is for prefix and exact; a regex that begins with (?i) ignores it, too"),
        ({**WEB, "hosts": ["app.example.com"]}, "hosts is for tls.mode PASSTHROUGH; other routes are for all hosts of the site"),
        ({"destinations": [WEB, {**WEB, "weight": 1}]}, "weight is missing; one of several destinations has a share of the requests"),
        ({"destinations": [{**WEB, "weight": 0}, {**WEB, "weight": 0}]}, "destinations has 2 entries, none of which has a weight above 0"),
        ({"destinations": [{**WEB, "weight": "half"}]}, "weight is 'half'; it must be a number from 0 to 2147483647"),
        ({"destinations": [{**WEB, "version": "v1"}]}, "key 'version' is not known; Allowed: service, port, subset, weight"),
        ({"destinations": ["web.shop"]}, "destinations[0] is 'web.shop'; it must be a dictionary"),
        (
            {"redirect": {"redirectCode": 301}},
            "redirect changes nothing; give it one of uri, prefixRewrite, authority, scheme, port, derivePort",
        ),
        ({"redirect": {"uri": "/", "redirectCode": 300}}, "redirect.redirectCode is 300; allowed: 301, 302, 303, 307, 308"),
        ({"redirect": {"scheme": "ftp"}}, "redirect.scheme is ftp; allowed: http, https"),
        ({"redirect": {"host": "a"}}, "redirect.host is not known; Allowed: authority, derivePort, port"),
        ({"redirect": {"uri": "/"}, "rewrite": "/x"}, "has redirect and rewrite; only one of them is allowed"),
        (
            {"direct_response": {"status": 200}, "fault": {"abort": {"httpStatus": 500}}},
            "has direct_response and fault; only one of them is allowed",
        ),
        ({"direct_response": {"status": 99}}, "direct_response.status is 99; it must be from 200 to 599"),
        ({"direct_response": {"body": {"string": "x"}}}, "direct_response.status is missing"),
        ({**WEB, "rewrite": {"path": "/x"}}, "rewrite.path is not known; "),
        (
            {**WEB, "rewrite": {"uriRegexRewrite": {"match": "(", "rewrite": "/"}}},
            "rewrite: regex is '('; it must be a regular expression (RE2): ",
        ),
        ({**WEB, "cors": {"allowOrigins": ["https://a"]}}, "cors.allowOrigins[0] is 'https://a'; it must be a dictionary"),
        (
            {**WEB, "cors": {"allowOrigins": [{"regex": "*"}]}},
            "cors.allowOrigins[0]: regex is '*'; it must be a regular expression (RE2): nothing to repeat",
        ),
        ({**WEB, "mirror": {**WEB, "percentage": 101}}, "mirror.percentage is 101; it must be from 0 to 100"),
        ({**WEB, "mirror": {"service": "web", "port": 80}}, "service is 'web'; its namespace is missing, write web.NAMESPACE"),
        ({**WEB, "mirror": {**WEB, "weight": 1}}, "key 'weight' is not known; Allowed: service, port, subset, percentage"),
        (
            {**WEB, "fault": {"delay": {"percentage": {"value": -1}, "fixedDelay": "5s"}}},
            "fault.delay.percentage.value is -1; it must be from 0 to 100",
        ),
        ({**WEB, "fault": {"abort": {"httpStatus": 42}}}, "fault.abort.httpStatus is 42; it must be from 200 to 599"),
        (
            {**WEB, "retries": {"attempts": 0, "perTryTimeout": "1s"}},
            "retries.attempts is 0, so that nothing is tried again; remove the rest of retries",
        ),
    ],
    ids=str,
)
def test_one_sentence_for_what_cannot_be(route, said):
    found = plan(route)["findings"]
    assert len([text for text in found if said in text]) == 1, found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({}, {"with_headers": {"x": "1"}}),
        ({"with_headers": {"x": "1"}}, {"with_headers": {"x": "1"}}),
        ({"with_headers": {"x": "1"}}, {"with_headers": {"x": "1", "y": "2"}}),
        ({"with_headers": {"x": None}}, {"with_headers": {"x": "1"}}),
        ({"with_headers": {"x": {"prefix": "a"}}}, {"with_headers": {"x": "ab"}, "method": "GET"}),
        ({"method": {"regex": "GET|HEAD"}}, {"method": "GET", "prefix": "/x"}),
        ({"query": {"v": "2"}}, {"query": {"v": "2"}, "exact": "/x"}),
        ({"without_headers": {"x": None}}, {"without_headers": {"x": None}, "prefix": "/a"}),
    ],
)
def test_a_route_that_is_never_reached(earlier, later):
    (found,) = plan({**WEB, **earlier}, {**WEB, **later})["findings"]
    assert "routes[1] (" in found
    assert ") is never reached, routes[0] (" in found


def test_what_to_put_first():
    conditions = {**WEB, "prefix": "/", "method": "POST"}
    assert plan({**WEB, "prefix": "/"}, conditions)["findings"][0].endswith("; put the one with more conditions first")
    assert plan(conditions, {**WEB, "prefix": "/"})["findings"] == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"with_headers": {"x": "1"}}, {}),
        ({"with_headers": {"x": "1"}}, {"with_headers": {"x": "2"}}),
        ({"with_headers": {"x": "1"}}, {"with_headers": {"y": "1"}}),
        ({"with_headers": {"x": {"regex": "a.*"}}}, {"with_headers": {"x": {"regex": "ab.*"}}}),
        ({"with_headers": {"x": None}}, {"without_headers": {"x": None}}),
        ({"method": "GET"}, {"method": "HEAD"}),
        ({"method": "GET", "prefix": "/"}, {"prefix": "/"}),
        ({"query": {"v": "2"}}, {"query": {"w": "2"}}),
        ({"without_headers": {"x": None}}, {"with_headers": {"x": None}}),
        ({"prefix": "/a", "ignore_case": False}, {"prefix": "/a", "ignore_case": True}),
    ],
)
def test_a_route_that_is_reached(earlier, later):
    assert plan({**WEB, **earlier}, {**WEB, **later})["findings"] == []


BOTH = ["app.example.com", "www.example.com"]


@pytest.mark.parametrize(
    "route",
    [
        {"redirect": {"scheme": "https"}},
        {"redirect": {"authority": "app.example.com"}},
        {"prefix": "/a", "redirect": {"authority": BOTH[1]}},
    ],
)
def test_a_redirect_to_where_clients_are(route):
    (found,) = plan(route, hosts=BOTH)["findings"]
    assert found.startswith("edge_sites[0] (app): routes[0].redirect sends clients to where they are; give it uri, prefixRewrite or port")


@pytest.mark.parametrize(
    "route",
    [
        {"redirect": {"authority": "other.example.com"}},
        {"redirect": {"scheme": "http"}},
        {"redirect": {"port": 8443}},
        {"exact": "/a", "redirect": {"uri": "/b"}},
        {"with_headers": {":authority": BOTH[1]}, "redirect": {"authority": BOTH[0]}},
    ],
)
def test_a_redirect_to_somewhere_else(route):
    assert plan(route, hosts=BOTH)["findings"] == []


# --- TLS that passes through to several services, by the name in the handshake

PASSED = {"tls": {"mode": "PASSTHROUGH"}, "hosts": ["db.example.com", "mail.example.com", "*.apps.example.com"], "issuer": None}


def passed(*routes):
    site = {"name": "app", **{key: value for key, value in PASSED.items() if value}, "routes": list(routes)}
    return site_plan([site], {})


def to(name, *hosts):
    return {"service": f"{name}.data", "port": 443, **({"hosts": list(hosts)} if hosts else {})}


def test_names_go_to_their_services():
    found = passed(to("db", "db.example.com"), to("one", "one.apps.example.com"), to("rest"))
    assert found["findings"] == []
    (service,) = [each for each in found["virtual_services"] if each["metadata"]["name"] == "app"]
    assert [(tls["match"][0]["sniHosts"], tls["route"][0]["destination"]["host"].partition(".")[0]) for tls in service["spec"]["tls"]] == [
        (["db.example.com"], "db"),
        (["one.apps.example.com"], "one"),
        (["mail.example.com", "*.apps.example.com"], "rest"),
    ]


def test_one_service_has_all_names_and_several_share_them():
    assert passed(to("all"))["findings"] == []
    assert passed({"destinations": [{**to("a"), "weight": 1}, {**to("b"), "weight": 1}]})["findings"] == []
    assert passed(to("a", *PASSED["hosts"][:2]), to("b", PASSED["hosts"][2]))["findings"] == []


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ([], "routes is missing or empty; with tls.mode PASSTHROUGH each host is passed to a service"),
        ([to("a"), to("b")], "routes[0] and routes[1] have no hosts; PASSTHROUGH passes a host to exactly one service"),
        ([to("a", "db.example.com"), to("b", "db.example.com"), to("c")], "routes[1].hosts has 'db.example.com', which routes[0] has, too"),
        ([to("a", "x.example.com"), to("b")], "routes[0].hosts has 'x.example.com', which is not among the hosts of the site: "),
        (
            [to("a", *PASSED["hosts"]), to("b")],
            "routes[1] has no hosts, and other routes have all of the site's; remove it, or give it hosts",
        ),
        (
            [to("a", "db.example.com")],
            "no route is for mail.example.com, *.apps.example.com; add hosts to a route, or a route without hosts",
        ),
        ([{"redirect": {"uri": "/"}}], "key 'redirect' is not known with tls.mode PASSTHROUGH, since the gateway does not see the request"),
    ],
)
def test_names_that_go_nowhere(routes, said):
    found = passed(*routes)["findings"]
    assert len([text for text in found if said in text]) == 1, found
