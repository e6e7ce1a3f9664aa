# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users may write in edge_sites, and what they read when it cannot be."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import read_issuers
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import merged_key, read_sites

WEB = {"prefix": "/", "service": "web.default", "port": 3000}


def site(**fields):
    return {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt", "routes": [WEB], **fields}


def without(key):
    found = site()
    del found[key]
    return found


def known(*issuers):
    return read_issuers(list(issuers), solvers=[{"http01": {}}])[0]


def findings(*sites, issuers=()):
    return read_sites(list(sites), known(*issuers))[1]


def parsed(*sites):
    found, wrong = read_sites(list(sites), known())
    assert wrong == []
    return found


def test_the_example_of_the_readme():
    routes = [
        {"prefix": "/api/", "service": "api.default", "port": 8002},
        {"prefix": "/workflow/", "service": "workflow.default", "port": 8003},
        WEB,
    ]
    (found,) = parsed(site(routes=routes))
    assert found.credential == "app"
    assert [(route.value, to.host, to.port) for route in found.routes for to in route.destinations] == [
        ("/api/", "api.default.svc.cluster.local", 8002),
        ("/workflow/", "workflow.default.svc.cluster.local", 8003),
        ("/", "web.default.svc.cluster.local", 3000),
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            site(host=["a.example.com"]),
            (
                "edge_sites[0] (app): key 'host' is not known; did you mean 'hosts'? Allowed: name, hosts, issuer, gateway, tcp_port, "
                "routes, backends, tls, access, redirect, certificate"
            ),
        ),
        (
            site(name="App"),
            "edge_sites[0] (App): name is 'App'; it must be a DNS label: lower case letters, digits and '-', at most 63 characters",
        ),
        (site(name="a" * 55), f"edge_sites[0] ({'a' * 55}): name '{'a' * 55}' has 55 characters; at most 54 are allowed"),
        (site(name="edge-http"), "edge_sites[0] (edge-http): name is 'edge-http', which the collection uses itself"),
        (site(hosts=[]), "edge_sites[0] (app): hosts is missing or empty"),
        (site(hosts="app.example.com"), "edge_sites[0] (app): hosts is 'app.example.com'; it must be a list"),
        (
            site(hosts=["https://app.example.com"]),
            "edge_sites[0] (app): hosts has 'https://app.example.com'; a host name has no scheme, port or path",
        ),
        (
            site(hosts=["app.example.com:443"]),
            "edge_sites[0] (app): hosts has 'app.example.com:443'; a host name has no scheme, port or path",
        ),
        (
            site(hosts=["my_app.example.com"]),
            "edge_sites[0] (app): hosts has 'my_app.example.com'; it must be a DNS name such as app.example.com or *.example.com",
        ),
        (
            site(hosts=["localhost"]),
            "edge_sites[0] (app): hosts has 'localhost'; it must be a DNS name such as app.example.com or *.example.com",
        ),
        (
            site(hosts=["192.0.2.1"]),
            "edge_sites[0] (app): hosts has '192.0.2.1'; an address is not a host name, and no certificate is issued for it here",
        ),
        (site(hosts=["App.example.com"]), "edge_sites[0] (app): hosts has 'App.example.com'; write 'app.example.com'"),
        *(
            (site(hosts=[host]), f"edge_sites[0] (app): hosts has '{host}'; write '{written}'")
            for host, written in (
                ("app.example.com.", "app.example.com"),
                ("*.App.example.com.", "*.app.example.com"),
                (" app.example.com", "app.example.com"),
            )
        ),
        *(
            (
                site(hosts=[host]),
                f"edge_sites[0] (app): hosts has '{host}'; an address is not a host name, and no certificate is issued for it here",
            )
            for host in ("2001:db8::1", "[2001:db8::1]", "*.192.0.2.1")
        ),
        *(
            (
                site(hosts=[host]),
                f"edge_sites[0] (app): hosts has {host!r}; write 'app.example.com', without what cannot be seen",
            )
            # Of a file with a byte order mark, a web page, a word processor, a chat.
            for host in ("\ufeffapp.example.com", "app\u200b.example.com", "app.exam\u00adple.com", "\u200eapp.example.com\u200f")
        ),
        *(
            (
                site(hosts=[host]),
                f"edge_sites[0] (app): hosts has {host!r}; it must be a DNS name such as app.example.com or *.example.com",
            )
            for host in ("app \u00a0x.example.com", "\u2615.example.com", "app\u2192.example.com")
        ),
        (
            # YAML's off without quotes.
            site(tls={"mode": False}),
            (
                "edge_sites[0].tls (app): mode is 'false', which is not known; Allowed: SIMPLE, MUTUAL, OPTIONAL_MUTUAL, ISTIO_MUTUAL, "
                "PASSTHROUGH, NONE"
            ),
        ),
        (
            site(hosts=["app.123"]),
            "edge_sites[0] (app): hosts has 'app.123'; it must be a DNS name such as app.example.com or *.example.com",
        ),
        *(
            (
                site(issuer=given),
                (
                    f"edge_sites[0] (app): issuer is '{given}', which is not known; did you mean '{meant}'? Allowed: letsencrypt,"
                    " letsencrypt-staging (issuers are letsencrypt, letsencrypt-staging and cert_manager_issuers)"
                ),
            )
            for given, meant in (
                ("LetsEncrypt", "letsencrypt"),
                ("letsencrypt-production", "letsencrypt"),
                ("letsencrypt-prod", "letsencrypt"),
                ("letsencrypt_staging", "letsencrypt-staging"),
            )
        ),
        (
            site(tls={"mode": "passthrough"}),
            (
                "edge_sites[0].tls (app): mode is 'passthrough', which is not known; did you mean 'PASSTHROUGH'? Allowed: SIMPLE, MUTUAL,"
                " OPTIONAL_MUTUAL, ISTIO_MUTUAL, PASSTHROUGH, NONE"
            ),
        ),
        (site(certificate={"usages": "server auth"}), "edge_sites[0].certificate (app): usages is 'server auth'; it must be a list"),
        (site(hosts=["a.example.com", "a.example.com"]), "edge_sites[0] (app): hosts has 'a.example.com' twice"),
        (without("issuer"), "edge_sites[0] (app): issuer is missing"),
        (
            site(issuer="letsencrpt"),
            (
                "edge_sites[0] (app): issuer is 'letsencrpt', which is not known; did you mean 'letsencrypt'? Allowed: letsencrypt,"
                " letsencrypt-staging (issuers are letsencrypt, letsencrypt-staging and cert_manager_issuers)"
            ),
        ),
        (
            site(hosts=["*.example.com"]),
            "edge_sites[0] (app): hosts has '*.example.com', and issuer 'letsencrypt' proves names by HTTP-01 only; wildcards need DNS-01",
        ),
        (site(redirect="maybe"), "edge_sites[0] (app): redirect is 'maybe'; it must be true or false"),
        (site(routes=[dict(WEB, port="99999")]), "edge_sites[0].routes[0] (app): port is '99999'; it must be a number from 1 to 65535"),
        (site(routes=[dict(WEB, port="http")]), "edge_sites[0].routes[0] (app): port is 'http'; it must be a number from 1 to 65535"),
        (site(routes=[{"prefix": "/", "service": "web.default"}]), "edge_sites[0].routes[0] (app): port is missing"),
        (
            site(routes=[dict(WEB, service="web")]),
            "edge_sites[0].routes[0] (app): service is 'web'; its namespace is missing, write web.NAMESPACE",
        ),
        (
            site(routes=[dict(WEB, service="web.default:80")]),
            "edge_sites[0].routes[0] (app): service is 'web.default:80'; it must be SERVICE.NAMESPACE, or a full host name",
        ),
        (
            site(routes=[dict(WEB, exact="/x")]),
            "edge_sites[0].routes[0] (app): has prefix and exact; a route is matched by one of prefix, exact, regex",
        ),
        (
            site(routes=[dict(WEB, prefix="api")]),
            "edge_sites[0].routes[0] (app): prefix is 'api'; a path begins with / and has no control characters",
        ),
        (
            site(routes=[dict(WEB, timeout="5")]),
            "edge_sites[0].routes[0] (app): timeout is '5'; it must be a duration such as 30s, 5m or 2160h",
        ),
        (site(routes=["web"]), "edge_sites[0] (app): routes[0] is 'web'; it must be a dictionary"),
        # What narrows a route or a site is not left out for a template that has nothing to say.
        (site(routes=[dict(WEB, method="")]), "edge_sites[0].routes[0] (app): method is empty; give it a value, or remove it"),
        (site(routes=[dict(WEB, with_headers="")]), "edge_sites[0].routes[0] (app): with_headers is empty; give it a value, or remove it"),
        (site(routes=[dict(WEB, prefix="")]), "edge_sites[0].routes[0] (app): prefix is missing"),
        (
            site(access=""),
            (
                "edge_sites[0].access (app): has neither sources nor clients nor jwt, and would refuse nothing; set one of them, or "
                "remove access"
            ),
        ),
        (
            site(routes=[WEB, dict(WEB, prefix="/api/")]),
            "edge_sites[0] (app): routes[1] (/api/) is never reached, routes[0] (prefix /) takes its requests; put the longer path first",
        ),
        (
            site(tls={"mode": "MUTAL"}),
            (
                "edge_sites[0].tls (app): mode is 'MUTAL', which is not known; did you mean 'MUTUAL'? Allowed: SIMPLE, MUTUAL,"
                " OPTIONAL_MUTUAL, ISTIO_MUTUAL, PASSTHROUGH, NONE"
            ),
        ),
        (
            site(tls={"mode": "MUTUAL"}),
            (
                "edge_sites[0] (app): tls.mode is MUTUAL without tls.ca_certificate, and ACME issuer 'letsencrypt' puts no ca.crt"
                " into the Secret"
            ),
        ),
        (
            site(tls={"mode": "MUTUAL", "ca_certificate": "nonsense"}),
            "edge_sites[0].tls (app): ca_certificate is not a certificate in PEM form",
        ),
        (
            site(tls={"credential": "mine"}),
            "edge_sites[0] (app): has an issuer, but tls.credential names a Secret of your own; remove one of them",
        ),
        (
            site(tls={"mode": "PASSTHROUGH"}),
            "edge_sites[0] (app): has an issuer, but with tls.mode PASSTHROUGH the application ends TLS; remove one of them",
        ),
        (
            site(certificate={"duration": "90 days"}),
            "edge_sites[0].certificate (app): duration is '90 days'; it must be a duration such as 30s, 5m or 2160h",
        ),
        (
            site(certificate={"private_key": {"size": 99}}),
            "edge_sites[0].certificate.private_key (app): size is '99'; it must be a number from 256 to 8192",
        ),
        (
            site(certificate={"copies": {"namespaces": ["shop"], "by": "copier"}}),
            "edge_sites[0].certificate.copies (app): by is 'copier', which is not known; Allowed: external_secrets, reflector, replicator",
        ),
        (
            site(certificate={"copies": {"namespaces": ["shop"]}}),
            (
                "edge_sites[0].certificate.copies (app): by is missing; name the controller of the cluster that makes the copies: "
                "external_secrets, reflector, replicator"
            ),
        ),
        (
            site(certificate={"copies": {"namespaces": ["shop"], "by": "reflector", "refresh": "5m"}}),
            ("edge_sites[0].certificate.copies (app): refresh is for by: external_secrets; reflector sees another certificate at once"),
        ),
        (
            site(certificate={"copies": {"by": "reflector"}}),
            "edge_sites[0].certificate.copies (app): namespaces is missing or empty",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(raw, expected):
    assert expected in findings(raw)


def test_a_key_without_a_value_is_left_out():
    empty = {"tls": None, "certificate": None, "redirect": None, "routes": None}
    assert parsed(site(**empty)) == parsed(site(routes=[]))
    assert parsed(site(certificate={"private_key": None, "usages": None}, tls={"mode": None})) == parsed(site())
    # As a template leaves it that has nothing to say.
    blank = {"tls": "", "certificate": "", "redirect": "", "routes": "", "backends": "", "gateway": "", "tcp_port": ""}
    assert parsed(site(**blank)) == parsed(site(routes=[]))
    route = {"mirror": "", "redirect": "", "direct_response": "", "ignore_case": "", "headers": "", "rewrite": "", "timeout": ""}
    given = site(routes=[WEB | route], tls={"hsts": "", "mode": ""}, certificate={"private_key": "", "copies": ""})
    assert parsed(given) == parsed(site(routes=[WEB]))
    assert parsed(site(issuer=None, tls={"credential": "mine"})) == parsed({**without("issuer"), "tls": {"credential": "mine"}})


@pytest.mark.parametrize("nothing", [None, "", " \n", [], "[]"])
def test_nothing_is_an_empty_list(nothing):
    assert read_sites(nothing, known()) == ([], [])


LISTS = ["[{name: app, hosts: [app.example.com], issuer: letsencrypt}]", "- {name: app, hosts: [app.example.com], issuer: letsencrypt}"]
AROUND = [("\ufeff", ""), ("---\n", "\n...\n"), ("# Sites\n\n# more\n", ""), ("\r\n", "\r\n"), ("\ufeff# a\r\n---\r\n", "")]


@pytest.mark.parametrize(("before", "after"), AROUND, ids=ascii)
@pytest.mark.parametrize("text", LISTS)
def test_the_content_of_a_file_may_be_the_text_of_a_survey(before, after, text):
    (found,), wrong = read_sites(before + text + after, known())
    assert (found.name, wrong) == ("app", [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- name: app\n\thosts: [a.example.com]", "cannot be read as YAML (line 2: found character '\\t' that cannot start any token)"),
        ("[{name: app}", "cannot be read as YAML (line 1: expected ',' or ']', but got '<stream end>')"),
        ("- name: 'app\n", "cannot be read as YAML (line 2: found unexpected end of stream)"),
        ("- &a [*b]", "cannot be read as YAML (line 1: found undefined alias 'b')"),
        ("name: app", "is 'name: app'"),
    ],
)
def test_text_that_is_no_list_is_refused_with_the_line(text, said):
    assert read_sites(text, known()) == ([], [f"edge_sites {said}; it must be a list of sites"])


def test_a_character_that_joins_letters_belongs_to_a_name():
    (found,) = findings(site(hosts=["\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example.com"]))
    assert found.endswith("; write 'xn--mgba3gch31f060k.example.com', which is its name in DNS")


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        (site(domains=["a.example.com"]), "hosts"),
        (site(cluster_issuer="letsencrypt"), "issuer"),
        (site(routes=[{"path": "/", "service": "web.default", "port": 80}]), "prefix"),
        (site(routes=[{"prefix": "/", "upstream": "web.default", "port": 80}]), "service"),
        # By its letters alone it would be ca_secret, which says whose certificates open the site.
        (site(tls={"secret": "mine"}), "credential"),
        (site(tls={"credentialName": "mine"}), "credential"),
        (site(routs=[]), "routes"),
    ],
)
def test_fields_as_other_tools_call_them(raw, meant):
    assert any(f"is not known; did you mean '{meant}'? Allowed: " in text for text in findings(raw))


def test_a_size_is_not_judged_by_another_algorithm_than_was_meant():
    (found,) = findings(site(certificate={"private_key": {"algorithm": "rsa", "size": 2048}}))
    assert found == (
        "edge_sites[0].certificate.private_key (app): algorithm is 'rsa', which is not known; did you mean 'RSA'? Allowed: RSA, ECDSA, "
        "Ed25519"
    )


def test_all_findings_come_at_once_and_nothing_else():
    found = findings(site(hosts=["a_b", "c d"], issuer="none"), "text")
    assert len(found) == 4


def test_two_sites_with_one_host_or_name():
    assert findings(site(), site(hosts=["app.example.com"])) == [
        "edge_sites[1]: name 'app' is already that of edge_sites[0]",
        "edge_sites[1] (app): host 'app.example.com' is already served by site 'app'",
    ]


def test_a_site_must_not_have_the_name_of_what_another_one_makes():
    assert findings(site(), site(name="app-redirect", hosts=["b.example.com"])) == [
        "edge_sites[1]: name 'app-redirect' is that of an object made for site 'app'"
    ]


def test_passthrough_has_one_route_that_sees_no_path():
    raw = {"name": "app", "hosts": ["app.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": [WEB]}
    (found,) = findings(raw)
    assert found == (
        "edge_sites[0].routes[0] (app): key 'prefix' is not known with tls.mode PASSTHROUGH, since the gateway does not see the"
        " request; Allowed: service, port, destinations, hosts"
    )


def test_a_broken_route_does_not_make_the_others_unreachable():
    for prefix in (5, ["/a"], "api", ""):
        assert [text for text in findings(site(routes=[dict(WEB, prefix=prefix), WEB])) if "never reached" in text] == []
    assert [text for text in findings(site(routes=[{"prefx": "/x", "service": "a", "port": 1}, WEB])) if "never reached" in text] == []


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("web.default", "web.default.svc.cluster.local"),
        ("web.default.svc", "web.default.svc.cluster.local"),
        ("web.default.svc.cluster.local", "web.default.svc.cluster.local"),
        ("api.example.com", "api.example.com"),
    ],
)
def test_services_get_their_full_name(written, full):
    """Istio takes every name with a dot for a full one."""
    (found,) = parsed(site(routes=[dict(WEB, service=written)]))
    assert found.routes[0].destinations[0].host == full


def test_strings_of_a_survey_are_cast():
    (found,) = parsed(site(redirect="no", routes=[dict(WEB, port="8080")]))
    assert (found.redirect, found.routes[0].destinations[0].port) == (False, 8080)


def test_issuers_are_not_checked_when_they_are_not_known():
    assert read_sites([site(issuer="anything")])[1] == []


def test_a_wildcard_is_allowed_where_dns01_is():
    issuer = {"name": "dns", "type": "acme", "server": "https://acme.example.com/dir", "solvers": [{"dns01": {"cloudflare": {}}}]}
    assert findings(site(issuer="dns", hosts=["*.example.com"]), issuers=[issuer]) == []


def test_the_text_of_a_survey_is_read_as_yaml():
    text = "[{name: app, hosts: [app.example.com], issuer: letsencrypt}]"
    (found,), wrong = read_sites(text, known())
    assert (found.name, wrong) == ("app", [])
    assert read_sites("app", known()) == ([], ["edge_sites is 'app'; it must be a list of sites"])


def test_findings_of_all_sites_come_together():
    assert len(findings(site(hosts=["a_b"]), site(name="b", hosts=["c_d"]))) == 2


# --- whose certificates open a site

CA = {"name": "inside", "type": "ca", "secret": "root"}
VAULT = {"name": "inside", "type": "raw", "spec": {"vault": {"path": "pki/sign/x", "server": "https://vault.example.com", "auth": {}}}}
RAW_ACME = {
    "name": "inside",
    "type": "raw",
    "spec": {"acme": {"server": "https://acme.example.com/dir", "privateKeySecretRef": {"name": "key"}, "solvers": [{"http01": {}}]}},
}
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
NAMES = ["client.example.com"]


def of_clients(issuer=None, **tls):
    return findings(site(issuer="inside", tls=tls), issuers=[issuer or CA])


@pytest.mark.parametrize("mode", ["MUTUAL", "OPTIONAL_MUTUAL"])
@pytest.mark.parametrize("issuer", [CA, VAULT, {"name": "inside", "type": "selfsigned"}], ids=lambda issuer: issuer["type"])
@pytest.mark.parametrize("tls", [{}, {"subject_alt_names": NAMES}, {"client_ca": "issuer"}], ids=str)
def test_an_issuer_opens_no_site_to_all_whom_it_gives_a_certificate(mode, issuer, tls):
    (found,) = of_clients(issuer, mode=mode, **tls)
    assert found == (
        f"edge_sites[0] (app): tls.mode is {mode} without tls.ca_certificate, and everybody who may get a certificate of issuer 'inside' "
        "would be let in; give tls.ca_certificate, the authority of your clients, or tls.client_ca: issuer with the names of clients "
        "in tls.subject_alt_names"
    )


@pytest.mark.parametrize("mode", ["MUTUAL", "OPTIONAL_MUTUAL"])
@pytest.mark.parametrize("issuer", [CA, VAULT], ids=lambda issuer: issuer["type"])
@pytest.mark.parametrize(
    "tls",
    [{"ca_certificate": PEM}, {"client_ca": "issuer", "subject_alt_names": NAMES}, {"ca_certificate": PEM, "subject_alt_names": NAMES}],
)
def test_clients_have_an_authority_of_their_own_or_names(mode, issuer, tls):
    assert of_clients(issuer, mode=mode, **tls) == []


@pytest.mark.parametrize(
    ("issuer", "tls", "finding"),
    [
        (RAW_ACME, {"client_ca": "issuer", "subject_alt_names": NAMES}, "and ACME issuer 'inside' puts no ca.crt into the Secret"),
        (CA, {"client_ca": "issuer", "ca_certificate": PEM}, "tls has ca_certificate and client_ca; remove one of them"),
        (CA, {"client_ca": "issuer", "mode": "SIMPLE"}, "tls.client_ca is for MUTUAL and OPTIONAL_MUTUAL, tls.mode is SIMPLE"),
        (CA, {"client_ca": "inside"}, "client_ca is 'inside', which is not known"),
    ],
)
def test_what_cannot_be_said_of_clients(issuer, tls, finding):
    found = of_clients(issuer, **{"mode": "MUTUAL", **tls})
    assert any(finding in text for text in found), found


def test_a_secret_of_ones_own_brings_its_authority():
    own = {"name": "app", "hosts": ["app.example.com"], "routes": [WEB], "tls": {"mode": "MUTUAL", "credential": "mine"}}
    assert findings(own) == []
    (found,) = findings({**own, "tls": {**own["tls"], "client_ca": "issuer", "subject_alt_names": NAMES}})
    assert found == "edge_sites[0] (app): tls.client_ca is 'issuer', and the site has no issuer; give tls.ca_certificate"


OPTIONS = [
    (path, name, option)
    for path, options in (
        ((), spec.SITE),
        (("routes", 0), spec.ROUTE),
        (("routes", 0, "destinations", 0), spec.DESTINATION),
        (("routes", 0, "mirror"), spec.MIRROR),
        (("backends", 0), spec.BACKEND),
        (("backends", 0, "external"), spec.EXTERNAL),
        (("tls",), spec.TLS),
        (("tls", "hsts"), spec.HSTS),
        (("certificate",), spec.CERTIFICATE),
        (("certificate", "private_key"), spec.PRIVATE_KEY),
    )
    for name, option in options.items()
]
WRONG = {"str": [1], "int": "many", "bool": "maybe", "list": {"a": 1}, "dict": ["a"], "raw": [1], "float": "many"}


@pytest.mark.parametrize(("path", "name", "option"), OPTIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_field_is_read_with_its_type(path, name, option):
    """And with its choices: what the table of fields says is what the reader does."""
    for value in [WRONG[option["type"]], *(["none of these"] if "choices" in option else [])]:
        to = {"service": "web.default", "port": 80}
        raw = site(routes=[{**to, "destinations": [dict(to)], "mirror": dict(to)}], tls={"hsts": {}}, certificate={"private_key": {}})
        raw["backends"] = [{"service": "a.example.org", "external": {"port": 80}}]
        at = raw
        for key in path:
            at = at[key]
        at[name] = value
        place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
        found = findings(raw)
        assert any(text.startswith(f"edge_sites[0]{place}") and f": {name} " in text for text in found), found
        assert not any("not known;" in text and "key" in text.partition(": ")[2][:4] for text in found), found


# A busy machine is no fault of what is tested.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "name",
                        "hosts",
                        "issuer",
                        "routes",
                        "tls",
                        "redirect",
                        "certificate",
                        "prefix",
                        "service",
                        "port",
                        "mode",
                        "private_key",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_nothing_that_people_write_makes_it_crash(raw):
    _sites, found = read_sites(raw, known())
    assert all(isinstance(text, str) for text in found)
    assert make_plan(raw, {})["findings"][: len(found)] == found
    assert all(isinstance(text, str) for text in make_plan([raw], {})["findings"])


# --- regular expressions are RE2, and an earlier one may take all


def regex_site(*values):
    return site(routes=[{"service": "web.default", "port": 80, "regex": value} for value in values])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("([", "it must be a regular expression (RE2): unterminated character set at position 1"),
        ("/a)", "it must be a regular expression (RE2): unbalanced parenthesis at position 2"),
        ("*", "it must be a regular expression (RE2): nothing to repeat at position 0"),
        ("/[z-a]", "it must be a regular expression (RE2): bad character range z-a at position 2"),
        ("/(?!admin).*", "Envoy's regular expressions (RE2) do not have '(?!'"),
        ("/(?<=x)y", "Envoy's regular expressions (RE2) do not have '(?<='"),
        (r"/(a|b)/\1", r"Envoy's regular expressions (RE2) do not have '\1'"),
        ("/a++", "Envoy's regular expressions (RE2) do not have '++'"),
    ],
)
def test_regular_expressions_that_envoy_does_not_take(value, reason):
    (found,) = findings(regex_site(value))
    assert found == f"edge_sites[0].routes[0] (app): regex is '{value}'; {reason}"


@pytest.mark.parametrize(
    "value",
    [
        *("/[*+]+", r"/\++", r"/\(?=x", "/[(?=]x", r"/v[0-9]+/.*", "(?i)/Static/.*", "/x(?i:y)", r"/\pL+", r"/a\z", "/[[:alpha:]]+"),
        *(r"/\Q(?=[\E.*", "/(?P<id>[0-9]+)", "/(?:a|b)", "/x{2,3}?", r"/files/\d+\.(png|jpe?g)$", "/.*/(?U)x"),
    ],
)
def test_regular_expressions_of_re2_pass(value):
    assert findings(regex_site(value)) == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"regex": ".*"}, {"prefix": "/api"}),
        ({"regex": ".*"}, {"regex": "/v[0-9]+"}),
        ({"regex": ".*"}, {}),
        ({"regex": "/.*"}, {"prefix": "/api"}),
        ({"regex": "/api.*"}, {"prefix": "/api/v1"}),
        ({"regex": "/v[0-9]+"}, {"exact": "/v12"}),
        ({"regex": "/x"}, {"regex": "/x"}),
    ],
)
def test_a_route_behind_a_regular_expression_that_takes_all_of_it(earlier, later):
    (found,) = findings(site(routes=[dict(service="a.b", port=80, **match) for match in (earlier, later)]))
    assert f"is never reached, routes[0] (regex {earlier['regex']}) takes its requests" in found


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"regex": "/api/.*"}, {"prefix": "/api"}),
        ({"regex": "/v[0-9]+"}, {"prefix": "/v12"}),
        ({"regex": "/api|/x.*"}, {"prefix": "/api"}),
        ({"regex": r"/api\.*"}, {"prefix": "/api"}),
        ({"regex": "/x"}, {"regex": "/y"}),
        ({"regex": "/.*"}, {}),
        ({"exact": "/api"}, {"prefix": "/api"}),
        ({"prefix": "/api/"}, {"exact": "/api"}),
        ({"exact": "/api"}, {"prefix": "/api/v1"}),
        ({"exact": "/api"}, {"exact": "/api/v1"}),
        ({"prefix": "/api/v1"}, {"prefix": "/api"}),
        ({"prefix": "/api"}, {"regex": "/api/.*"}),
        ({"prefix": "/api"}, {}),
    ],
)
def test_a_route_behind_one_that_leaves_it_something(earlier, later):
    assert findings(site(routes=[dict(service="a.b", port=80, **match) for match in (earlier, later)])) == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"prefix": "/"}, {"exact": "/api"}),
        ({"prefix": "/"}, {"regex": "/api.*"}),
        ({"prefix": "/"}, {}),
        ({}, {"prefix": "/"}),
        ({"prefix": "/api"}, {"prefix": "/api/v1"}),
        ({"prefix": "/api"}, {"exact": "/apix"}),
        ({"exact": "/api"}, {"exact": "/api"}),
    ],
)
def test_a_route_behind_one_that_leaves_it_nothing(earlier, later):
    (found,) = findings(site(routes=[dict(service="a.b", port=80, **match) for match in (earlier, later)]))
    assert "routes[1] " in found
    assert "is never reached, routes[0] " in found


@pytest.mark.parametrize(
    ("low", "high", "refused"), [("1.2", "1.3", False), ("1.3", "1.3", False), ("1.2", "1.2", False), ("1.3", "1.2", True)]
)
def test_versions_of_tls_must_leave_one(low, high, refused):
    found = findings(site(tls={"min_version": low, "max_version": high}))
    assert found == ["edge_sites[0] (app): tls.min_version is '1.3' and tls.max_version '1.2'; no version is left between them"] * refused


@pytest.mark.parametrize(
    ("algorithm", "suites", "low", "refused"),
    [
        ("ECDSA", ["ECDHE-RSA-AES256-GCM-SHA384"], None, True),
        ("RSA", ["ECDHE-ECDSA-AES256-GCM-SHA384"], "1.2", True),
        ("ECDSA", ["ECDHE-RSA-AES256-GCM-SHA384"], "1.3", False),
        ("ECDSA", ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"], None, False),
        ("RSA", ["ECDHE-RSA-AES256-GCM-SHA384"], None, False),
        ("RSA", [], None, False),
    ],
)
def test_cipher_suites_must_fit_the_key(algorithm, suites, low, refused):
    tls = {"cipher_suites": suites, **({"min_version": low} if low else {})}
    found = findings(site(tls=tls, certificate={"private_key": {"algorithm": algorithm}}))
    assert len(found) == refused
    assert all(f"none of which fits a key of algorithm {algorithm}" in text for text in found)


@pytest.mark.parametrize(
    ("default", "own", "merged"),
    [
        ({"algorithm": "ECDSA", "size": 256}, {"algorithm": "RSA"}, {"algorithm": "RSA"}),
        ({"algorithm": "ECDSA", "size": 256}, {"algorithm": "ECDSA"}, {"algorithm": "ECDSA", "size": 256}),
        ({"algorithm": "ECDSA", "size": 256}, {"size": 384, "algorithm": None}, {"algorithm": "ECDSA", "size": 384}),
        ({"algorithm": "ECDSA", "size": 256}, {"algorithm": "RSA", "size": 4096}, {"algorithm": "RSA", "size": 4096}),
    ],
)
def test_another_algorithm_inherits_no_size(default, own, merged):
    assert merged_key(default, own) == merged


@pytest.mark.parametrize(
    ("default", "own", "merged"),
    [
        ({"algorithm": "ECDSA", "size": 384}, {}, {"algorithm": "ECDSA", "size": 384}),
        ({"algorithm": "ECDSA", "size": 384}, {"algorithm": "ECDSA"}, {"algorithm": "ECDSA", "size": 384}),
        ({"algorithm": "ECDSA", "size": 384}, {"algorithm": "RSA"}, {"algorithm": "RSA"}),
        ({"algorithm": "RSA", "size": 4096}, {"algorithm": "ECDSA"}, {"algorithm": "ECDSA"}),
        ({"algorithm": "RSA", "size": 4096}, {"algorithm": "ECDSA", "size": 521}, {"algorithm": "ECDSA", "size": 521}),
        ({"algorithm": "RSA", "size": 4096}, {"algorithm": None, "size": 2048}, {"algorithm": "RSA", "size": 2048}),
        ({"size": 4096}, {"algorithm": "RSA"}, {"algorithm": "RSA"}),
    ],
)
def test_another_algorithm_does_not_inherit_a_size(default, own, merged):
    assert merged_key(default, own) == merged
