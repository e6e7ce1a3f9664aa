# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a run stops before an authority would. How Let's Encrypt counts is in the source of its server, see the file under test."""

from __future__ import annotations

import datetime as dt

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import LETSENCRYPT_LIMITS, read_issuers
from ansible_collections.baremesh.edge.plugins.plugin_utils._order_limits import order_limits, registered_domain
from ansible_collections.baremesh.edge.plugins.plugin_utils._plan import make_plan

NS = "istio-ingress"
NOW = 1795248000.0
HOUR, DAY = 3600.0, 86400.0
SERVER = "https://acme.example.com/dir"
LAB = {"name": "lab", "server": SERVER, "email": "ops@example.com"}
ALLOWED = "same_names, domain, orders, failures"
ALL = {"same_names": {"count": 2, "hours": 10}}


def stamp(wall):
    return dt.datetime.fromtimestamp(wall, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def said(wall):
    return dt.datetime.fromtimestamp(wall, dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def plan_of(*names, limits=None, **site):
    issuer = {**LAB, "rate_limits": limits or ALL}
    sites = [
        {"name": name, "hosts": [f"{name}.example.com"], "issuer": "lab", "routes": [{"service": "web.default", "port": 80}], **site}
        for name in names
    ]
    found = make_plan(sites, {"cert_manager_issuers": [issuer], "edge_addresses": ["192.0.2.1"]})
    assert found["findings"] == []
    return found


def ordered(*ages, names=("app.example.com",), state="issued", failed=(), server=SERVER, account="ClusterIssuer/lab", revision=1):
    """Orders that were made so many seconds ago."""
    return [
        {
            "uid": f"{names}{age}{state}{account}",
            "at": stamp(NOW - age),
            "server": server,
            "account": account,
            "names": list(names),
            "state": state,
            "failed_names": list(failed),
            "certificate": f"{NS}/app",
            "revision": revision,
        }
        for age in ages
    ]


def held(*names, ready=True, hosts=None, account="ClusterIssuer/lab"):
    hosts = hosts or [f"{name}.example.com" for name in names]
    return [
        {"namespace": NS, "name": name, "account": account, "server": SERVER, "names": [host], "ready": ready}
        for name, host in zip(names, hosts)
    ]


def causes(plan, orders=(), certificates=(), due=None):
    seen = {"orders": sorted(orders, key=lambda entry: entry["at"]), "held": list(certificates)}
    return {entry["name"]: entry["cause"] for entry in order_limits(plan, due, seen, NOW)}


def test_nothing_is_found_where_nothing_was_ordered():
    assert causes(plan_of("app")) == {}
    assert order_limits(plan_of("app"), ["app"], None, NOW) == []


def test_the_limit_what_was_counted_and_the_next_time_are_named():
    # Full ten hours ago; the first of two was taken 4 hours ago, so one more fits when 5 hours of refilling have gone.
    (found,) = order_limits(plan_of("app"), ["app"], {"orders": ordered(4 * HOUR, 3 * HOUR), "held": []}, NOW)
    assert found["namespace"] == NS
    assert found["cause"] == (
        "issuer 'lab' limits certificates for the same names (app.example.com) to 2 in 10 h; this cluster, with this run, has had 2, "
        f"and the next is possible at {said(NOW + HOUR)}"
    )
    assert found["line"].startswith(f"app: {found['cause']}. Orders of other clusters count too")


@pytest.mark.parametrize("age", [4.999, 5.0])
def test_an_order_is_possible_from_that_second_on(age):
    """Two at once, then one each five hours."""
    assert bool(causes(plan_of("app"), ordered(age * HOUR, age * HOUR + 0.001))) is (age < 5)


def test_what_is_older_than_the_period_is_not_said():
    cause = causes(plan_of("app"), ordered(10 * HOUR, HOUR, HOUR / 2))["app"]
    assert "has had 2, and" in cause


def test_orders_older_than_the_period_do_not_count():
    assert causes(plan_of("app"), ordered(10 * HOUR, 11 * HOUR, 12 * HOUR)) == {}


@pytest.mark.parametrize(
    "changed",
    [
        {"server": "https://other.example.com/dir"},
        {"server": "https://a.example.com/dir"},
        {"names": ("app.example.com", "b.example.com")},
        {"state": "failed"},
        {"state": "open"},
    ],
    ids=lambda each: next(iter(each)) + str(next(iter(each.values()))),
)
def test_other_orders_do_not_count(changed):
    assert causes(plan_of("app"), ordered(HOUR, 2 * HOUR, **changed)) == {}


def test_accounts_of_one_authority_share_the_limit_of_names():
    assert "app" in causes(plan_of("app"), ordered(HOUR, 2 * HOUR, account="Issuer/team/other"))


def test_only_what_is_due_is_judged():
    orders = [*ordered(HOUR, 2 * HOUR), *ordered(HOUR, 2 * HOUR, names=("b.example.com",))]
    assert list(causes(plan_of("app", "b"), orders, due=["b"])) == ["b"]


def test_what_is_ready_is_not_due():
    orders = ordered(HOUR, 2 * HOUR)
    assert causes(plan_of("app"), orders, held("app")) == {}
    assert list(causes(plan_of("a", "app"), orders, held("a"))) == ["app"]
    assert "app" in causes(plan_of("app"), orders, held("app", ready=False))
    assert "app" in causes(plan_of("app"), orders, held("app", hosts=["old.example.com"]))
    assert "app" in causes(plan_of("app"), orders, held("app", account="ClusterIssuer/other"))


DOMAIN = {"domain": {"count": 3, "hours": 30}}


def test_a_run_that_would_order_too_many_itself_orders_as_many_as_fit():
    found = causes(plan_of("a", "b", "c", "d", "e", limits=DOMAIN))
    assert list(found) == ["d", "e"]
    assert found["d"] == (
        "issuer 'lab' limits certificates for new names under example.com to 3 in 30 h; this cluster, with this run, has had 3, "
        f"and the next is possible at {said(NOW + 10 * HOUR)}"
    )


def test_renewals_are_free_of_the_limit_of_the_domain():
    plan = plan_of("a", "b", "c", "d", "e", limits=DOMAIN)
    assert causes(plan, certificates=held("d", "e", ready=False)) == {}
    # Nor do those that were renewed count for others.
    renewed = [*ordered(HOUR, 2 * HOUR, names=("x.example.com",), revision=7), *ordered(HOUR, names=("y.example.com",), revision=2)]
    assert list(causes(plan, renewed)) == ["d", "e"]
    again = [*ordered(3 * HOUR, names=("x.example.com",)), *ordered(2 * HOUR, HOUR, names=("x.example.com",))]
    assert list(causes(plan, again)) == ["c", "d", "e"]
    # Whatever their UIDs: those of these two come in the other order.
    assert list(causes(plan, ordered(9 * HOUR, 4 * HOUR, names=("x.example.com",)))) == ["c", "d", "e"]


def test_other_domains_have_limits_of_their_own():
    others = [entry for n in range(3) for entry in ordered(HOUR, names=(f"{n}.example.org",))]
    assert causes(plan_of("a", "b", "c", limits=DOMAIN), others) == {}
    both = ordered(HOUR, names=("x.example.com", "x.example.org"))
    assert list(causes(plan_of("a", "b", "c", limits=DOMAIN), both)) == ["c"]


def test_the_orders_of_an_account_count_whatever_became_of_them():
    plan = plan_of("app", limits={"orders": {"count": 2, "hours": 2}})
    for state in ("failed", "open", "issued"):
        orders = ordered(60, 120, names=("x.example.com",), state=state)
        orders[0]["names"] = ["y.example.com"]
        assert causes(plan, orders)["app"].startswith("issuer 'lab' limits new orders of its account to 2 in 2 h; "), state
    assert causes(plan, ordered(60, 120, names=("x.example.com",), state="failed", account="ClusterIssuer/other")) == {}
    assert causes(plan, ordered(60, 120, names=("x.example.com",), state="failed"), held("app", ready=False)) == {}


def test_failed_validations_count_by_account_and_name():
    plan = plan_of("app", limits={"failures": {"count": 2, "hours": 1}})
    failed = ordered(600, 1200, names=("app.example.com", "b.example.com"), state="failed", failed=("app.example.com",))
    assert causes(plan, failed)["app"] == (
        "issuer 'lab' limits failed validations of app.example.com to 2 in 1 h; this cluster, with this run, has had 2, "
        f"and the next is possible at {said(NOW - 1200 + 1800)}"
    )
    assert causes(plan_of("b", limits={"failures": {"count": 2, "hours": 1}}), failed) == {}
    # Renewals too are refused.
    assert "app" in causes(plan, failed, held("app", ready=False))
    assert causes(plan, ordered(600, 1200, state="failed", failed=("app.example.com",), account="ClusterIssuer/other")) == {}


def test_an_order_that_meets_one_limit_spends_none_of_the_others():
    limits = {**DOMAIN, "failures": {"count": 1, "hours": 1}}
    failed = ordered(60, state="failed", names=("a.example.com",), failed=("a.example.com",))
    assert list(causes(plan_of("a", "b", "c", "d", limits=limits), failed)) == ["a"]


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.example.com", "example.com"),
        ("*.shop.example.co.uk", "example.co.uk"),
        ("example.com", "example.com"),
        ("example.co.uk", "example.co.uk"),
        ("A.B.Example.ORG.", "example.org"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("localhost", "localhost"),
        ("1.example.com", "example.com"),
    ],
)
def test_the_registered_domain(name, domain):
    assert registered_domain(name) == domain


def limits_of(**more):
    issuers, findings = read_issuers([{**LAB, **more}], "ops@example.com", [{"http01": {}}])
    return {name: issuer.rate_limits for name, issuer in issuers.items()}, findings


def test_the_limits_of_lets_encrypt_are_known_of_production_alone():
    found, findings = limits_of()
    assert findings == []
    assert found["letsencrypt"] == LETSENCRYPT_LIMITS
    assert found["letsencrypt-staging"] == found["lab"] == {}


def test_limits_can_be_set_and_turned_off():
    found, findings = limits_of(rate_limits={"orders": {"count": "7", "hours": 3}})
    assert (found["lab"], findings) == ({"orders": {"count": 7, "hours": 3}}, [])
    own = {"name": "letsencrypt", "server": "https://acme-v02.api.letsencrypt.org/directory", "rate_limits": "false"}
    issuers, findings = read_issuers([own], "ops@example.com", [{"http01": {}}])
    assert (issuers["letsencrypt"].rate_limits, findings) == ({}, [])


def test_each_mistake_in_limits_is_named():
    _found, findings = limits_of(rate_limits={"order": {}, "orders": {"count": 0, "hours": 169}, "domain": 5, "same_names": {"per": 1}})
    assert findings == [
        "cert_manager_issuers[0].rate_limits (lab): key 'order' is not known; did you mean 'orders'? Allowed: " + ALLOWED,
        "cert_manager_issuers[0].rate_limits.same_names (lab): key 'per' is not known; Allowed: count, hours",
        "cert_manager_issuers[0].rate_limits.same_names (lab): count is missing",
        "cert_manager_issuers[0].rate_limits.same_names (lab): hours is missing",
        "cert_manager_issuers[0].rate_limits (lab): domain is 5; it must be a dictionary",
        "cert_manager_issuers[0].rate_limits.orders (lab): count is '0'; it must be a number from 1 to 100000",
        "cert_manager_issuers[0].rate_limits.orders (lab): hours is '169'; it must be a number from 1 to 168",
    ]
    assert limits_of(rate_limits=3)[1] == ["cert_manager_issuers[0] (lab): rate_limits is 3; it must be a dictionary"]
