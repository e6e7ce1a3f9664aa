# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan

TO = {"route": [{"destination": {"host": "web.default.svc.cluster.local"}}]}


def findings(*http, **spec):
    manifest = {"metadata": {"name": "app"}, "spec": {"hosts": ["app.example.com"], "http": list(http), **spec}}
    return site_plan([], {"gateway_virtual_services": [manifest]})["findings"]


def rule(*matches, **fields):
    return {**({"match": list(matches)} if matches else {}), **TO, **fields}


def path(**uri):
    return {"uri": uri}


@pytest.mark.parametrize(
    ("http", "said"),
    [
        ([rule(path(regex="(["))], "http[0].match[0].uri: regex is '(['; it must be a regular expression (RE2): unterminated"),
        (
            [rule(path(regex="/(?!api).*"))],
            "http[0].match[0].uri: regex is '/(?!api).*'; Envoy's regular expressions (RE2) do not have '(?!'",
        ),
        ([rule({"headers": {"x-user": {"regex": "a**"}}})], "http[0].match[0].headers.x-user: regex is 'a**'; it must be"),
        ([rule({"queryParams": {"v": {"regex": "(a"}}})], "http[0].match[0].queryParams.v: regex is '(a'"),
        ([rule(), rule({"authority": {"regex": "[b-a]"}})], "http[1].match[0].authority: regex is '[b-a]'"),
        ([rule({"withoutHeaders": {"regex": {"regex": "(?<=a)b"}}})], "http[0].match[0].withoutHeaders.regex: regex is '(?<=a)b'"),
        ([rule(corsPolicy={"allowOrigins": [{"regex": "*.example.com"}]})], "http[0].corsPolicy.allowOrigins[0]: regex is '*.example.com'"),
        ([rule(path(regex="/a(?#note)"))], "http[0].match[0].uri: regex is '/a(?#note)'; Envoy's regular expressions (RE2) do not have"),
        ([rule(path(regex=r"/\d+\Z"))], r"http[0].match[0].uri: regex is '/\d+\Z'; Envoy's regular expressions (RE2) do not have '\Z'"),
        ([rule(path(regex="/a{1001}"))], "http[0].match[0].uri: regex is '/a{1001}'; Envoy's regular expressions (RE2) do not have"),
        ([rule(path(regex="/a{2}+"))], "http[0].match[0].uri: regex is '/a{2}+'; Envoy's regular expressions (RE2) do not have '{2}+'"),
        ([rule(rewrite={"uriRegexRewrite": {"match": "(a", "rewrite": "b"}})], "http[0].rewrite: regex is '(a'"),
    ],
)
def test_an_expression_that_envoy_does_not_take(http, said):
    found = [finding for finding in findings(*http) if "regex" in finding]
    assert len(found) == 1
    assert found[0].startswith(f"gateway_virtual_services[0].spec: {said}")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ({"prefix": "api"}, "prefix is 'api'; a path begins with /"),
        ({"exact": "/a?page=1"}, "exact is '/a?page=1'; a path ends before '?' and '#'"),
        ({"prefix": "/a#top"}, "prefix is '/a#top'; a path ends before '?' and '#'"),
    ],
)
def test_a_path_that_no_request_has(uri, said):
    (raw,) = findings(rule({"uri": uri}))
    assert raw.startswith(f"gateway_virtual_services[0].spec: http[0].match[0].uri: {said}")
    site = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt", "routes": [{**uri, "service": "web.default", "port": 80}]}
    (own,) = site_plan([site], {"edge_email": "ops@example.com"})["findings"]
    assert own.startswith(f"edge_sites[0].routes[0] (app): {said}")


@pytest.mark.parametrize(
    ("http", "said"),
    [
        ([rule(path(prefix="/")), rule(path(prefix="/api"))], "http[1] (/api) is never reached, http[0] (prefix /) takes"),
        ([rule(), rule(path(exact="/a"))], "http[1] (/a) is never reached, http[0] (no match) takes"),
        ([rule(path(regex="^.*$")), rule()], "http[1] (no match) is never reached, http[0] (regex ^.*$) takes"),
        ([rule(path(prefix="/a")), rule(path(exact="/x"), path(exact="/y")), rule(path(prefix="/ab"))], "http[2] (/ab) is never reached"),
        ([rule(path(exact="/x"), path(prefix="/a")), rule(path(exact="/ab"), path(exact="/x"))], "http[1] (/ab) is never reached, http[0]"),
        ([rule({"method": {"exact": "GET"}}), rule({"uri": {"prefix": "/"}, "method": {"exact": "GET"}})], "http[1] (/) is never reached"),
        ([rule({"name": "a"}), rule({"headers": {"x": {"exact": "1"}}})], "http[1] (no path) is never reached, http[0] (no path)"),
        ([{"redirect": {"scheme": "https"}}, rule()], "http[1] (no match) is never reached"),
    ],
)
def test_a_route_that_sees_no_request(http, said):
    (found,) = findings(*http)
    assert found.startswith(f"gateway_virtual_services[0].spec: {said}")


@pytest.mark.parametrize(
    ("http", "advice"),
    [
        ([rule(path(prefix="/")), rule(path(prefix="/api"))], "longer path"),
        ([rule(), rule(path(prefix="/api"))], "longer path"),
        ([rule(path(prefix="/a")), rule({"uri": {"prefix": "/a"}, "method": {"exact": "GET"}})], "one with more conditions"),
        ([rule(path(prefix="/a")), rule({"uri": {"prefix": "/a"}, "name": "b"})], "longer path"),
        ([rule(path(prefix="/a")), rule({"uri": {"prefix": "/ab"}, "method": {"exact": "GET"}})], "longer path"),
    ],
)
def test_what_to_put_first_is_said(http, advice):
    (found,) = findings(*http)
    assert found.rstrip(".").endswith(f"takes its requests; put the {advice} first")


def test_a_rewrite_of_a_raw_route_that_makes_other_paths_is_a_warning():
    rules = [rule(path(prefix="/b")), rule(path(prefix="/api"), rewrite={"uri": "/"})]
    manifest = {"metadata": {"name": "app"}, "spec": {"hosts": ["app.example.com"], "http": rules}}
    (warning,) = [text for text in site_plan([], {"gateway_virtual_services": [manifest]})["warnings"] if "replaces" in text]
    assert warning.startswith(
        "gateway_virtual_services (app): http[1] replaces '/api' by '/', so /api/x becomes //x and /apikeys is taken too"
    )


@pytest.mark.parametrize(
    "http",
    [
        [rule(path(regex="^$")), rule()],
        [rule(path(prefix="/api")), rule(path(prefix="/"))],
        [rule(path(exact="/"), path(prefix="/static/")), rule(path(prefix="/static")), rule()],
        [rule({"uri": {"prefix": "/"}, "headers": {"x": {"exact": "canary"}}}), rule(path(prefix="/"))],
        [rule({"uri": {"prefix": "/"}, "gateways": ["mesh"]}), rule({"uri": {"prefix": "/"}, "gateways": ["ns/public"]})],
        [{"match": [{"port": 80}], "redirect": {"scheme": "https"}}, rule({"port": 443})],
        [rule({"queryParams": {"a": {"exact": "1"}}}), rule({"queryParams": {"a": {"exact": "2"}}}), rule()],
        [rule(path(exact="/a")), rule({"uri": {"exact": "/a"}, "ignoreUriCase": True})],
        [{"match": [path(prefix="/")], "delegate": {"name": "team", "namespace": "team"}}, rule(path(prefix="/late"))],
        [rule(path(regex=r"/\p{Greek}+/\x{10FFFF}+/\pL\z")), rule(path(regex=r"/{id}+|/a{1000}|(?P<n>b)|(?<m>c)|(?is-m:d)|\\Z"))],
        [rule(path(regex=r"/\Qa(?=b)\Z\E.*")), rule(path(regex="/[*+]+[{}]+"))],
        [rule(path(regex="/[[:alpha:]]+/.*")), rule(path(prefix="/1"))],
        [rule({"sourceLabels": {"regex": "(["}}), rule(headers={"request": {"set": {"regex": "(["}}})],
        [rule(path(regex=r"/v\d+/.*"), rewrite={"uriRegexRewrite": {"match": "^/v[0-9]+/(.*)$", "rewrite": r"/\1"}})],
        [rule(corsPolicy={"allowOrigins": [{"regex": r"https://.*\.example\.com"}, {"exact": "https://example.com"}]})],
    ],
)
def test_what_people_route_is_not_refused(http):
    assert findings(*http) == []


def test_tls_and_tcp_routes_have_no_paths():
    tls = [{"match": [{"port": 443, "sniHosts": ["app.example.com"]}], "route": [{"destination": {"host": "web"}}]}]
    assert findings(tls=tls) == []
