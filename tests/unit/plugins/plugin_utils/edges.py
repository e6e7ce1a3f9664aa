# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An edge as the modules see it: sites of two gateway pods and two hosts, of which some are broken. For what is made of the report."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._report import site_report
from ansible_collections.baremesh.edge.plugins.plugin_utils._shown import shown

NOW = datetime(2026, 12, 1, 8, tzinfo=timezone.utc)
PODS = ("istio-ingress-5c575564c9-7s5rt", "istio-ingress-5c575564c9-x2k4d")
ADDRESSES = ("192.0.2.10", "2001:db8::10")
# What text from outside may hold: tags, quotes, braces of templates, line breaks, and what turns the direction of text.
HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}{% raw %}\n\x1b[31m\u202e\x00\\"
HIDDEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2lnbmF0dXJl"
DB = {"name": "db", "hosts": ["db.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": [{"service": "db.data", "port": 5432}]}
WAY = {"namespace": "istio-egress", "hosts": ["api.partner.example"], "cause": "", "pods": [{"pod": "istio-egress-1", "state": "ready"}]}


def _time(days):
    return (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _config(sites):
    routes = [
        {"config": "443", "hosts": site["hosts"], "match": f"prefix {route['prefix']}", "clusters": [_cluster(route)]}
        for site in sites
        for route in site["routes"]
        if "prefix" in route
    ]
    chains = [
        {"server_names": site["hosts"], "secrets": [], "routes": "", "clusters": [_cluster(site["routes"][0])]}
        for site in sites
        if "prefix" not in site["routes"][0]
    ]
    listener = {"name": "0.0.0.0_443", "state": "active", "port": 443, "chains": [{**_NO_CHAIN, "routes": "443"}, *chains]}
    names = {_cluster(route): len(names) for names in [{}] for site in sites for route in site["routes"]}
    ends = [{"address": f"10.42.0.{number}", "port": 8080, "healthy": True} for number in (5, 6)]
    clusters = [{"name": name, "endpoints": [] if "empty" in name else ends} for name in names]
    return {"listeners": [listener], "routes": routes, "clusters": clusters}


_NO_CHAIN = {"server_names": [], "secrets": [], "clusters": []}


def _cluster(route):
    name, _dot, space = route["service"].partition(".")
    return f"outbound|{route['port']}||{name}.{space}.svc.cluster.local"


def facts_of(count, broken=(), cause="Order app-1-2394 is invalid: 403 from the authority", **more):
    """The facts of a report.

    Args:
        count: Number of sites. Each third has two routes, and each tenth a host more.
        broken: Numbers of sites whose Certificate has failed and whose first host port serves an old one.
        cause: What their Certificates say.
        more: Further arguments of site_report.
    """
    sites = [
        {
            "name": f"site-{number}",
            "hosts": [f"site-{number}.example.com", *([f"www.site-{number}.example.com"] if number % 10 == 0 else [])],
            "issuer": "letsencrypt",
            "routes": [{"service": f"api-{number}.default", "port": 8002, "prefix": "/api/"}] * (number % 3 == 0)
            + [{"service": f"{'empty' if number in broken else 'web'}-{number}.default", "port": 3000, "prefix": "/"}],
        }
        for number in range(count - 1)
    ]
    sites.append(
        {"name": "db", "hosts": ["db.example.com"], "tls": {"mode": "PASSTHROUGH"}, "routes": [{"service": "db.data", "port": 5432}]}
    )
    plan = make_plan(sites, {"edge_addresses": list(ADDRESSES)})
    assert plan["findings"] == []
    names = [(name, subject["name"]) for subject in plan["subjects"] for name in subject["server_names"]]
    serials = {site["name"]: f"5802745de5de040e{number:06x}" for number, site in enumerate(sites)}
    failed = {f"site-{number}" for number in broken}
    certificates = [
        {
            "name": name,
            "namespace": "istio-ingress",
            "secret_name": name,
            "ready": name not in failed,
            "cause": cause if name in failed else None,
            "advice": ["Correct it, then run the playbook again."] if name in failed else [],
            "serial": serials[name],
            "not_before": _time(number % 60 - 60),
            "not_after": _time(number % 60 + 30),
            "renewal_time": _time(number % 60 or 1),
        }
        for number, name in enumerate(plan["certificate_names"])
    ]
    return shown(
        site_report,
        plan,
        certificates,
        [],
        [{"pod": pod, "sni": name, "serial": serials[site], "state": "served"} for name, site in names for pod in PODS],
        [
            {
                "address": address,
                "port": 443,
                "server_name": name,
                "state": "served",
                "not_after": _time(40),
                "serial": "3f0a77c1" if site in failed and address == ADDRESSES[0] else serials[site],
            }
            for name, site in names
            for address in ADDRESSES
        ],
        **{"ways": [WAY], "config": [{"pods": [_config(sites)], "flags": [], "errors": []}], "now": NOW, **more},
    )["facts"]
