# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime as dt

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _renewal

#: 2026-11-21T08:00:00Z
NOW = 1795248000.0
KNOWN = ["app", "shop", "mail"]


def certificate(name, days=60.0, **changes):
    until = dt.datetime.fromtimestamp(NOW + days * _renewal.DAY, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"name": name, "secret_name": f"{name}-tls", "not_after": until, "serial": f"{name}2", "state": "Ready"} | changes


CERTIFICATES = [certificate("app", 60), certificate("shop", 5.5), certificate("mail", 20)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], KNOWN),
        ("", KNOWN),
        (None, KNOWN),
        (["mail", "app"], ["mail", "app"]),
        ("mail,app", ["mail", "app"]),
        (" mail\n app ,", ["mail", "app"]),
        (["mail, app", "mail"], ["mail", "app"]),
    ],
)
def test_names_are_read_from_lists_and_from_text(given, expected):
    request, findings = _renewal.read_request(given, "2", "", KNOWN)
    assert (list(request.names), request.batch_size, request.within_days, findings) == (expected, 2, None, [])


def test_everything_that_is_wrong_is_found_at_once():
    assert _renewal.renewal_plan("ghost, app, wraith", KNOWN, batch_size="-1", within_days="soon")["findings"] == [
        "renewal_names has ghost, wraith; it may have app, shop, mail.",
        "renewal_batch_size is '-1'; it must be a number from 1 to 1000",
        "renewal_within_days is 'soon'; it must be a number of days, or empty for all.",
    ]
    assert _renewal.renewal_plan(["app"], [])["findings"] == [
        "renewal_names has app; it may have none, since no site has a certificate of its own."
    ]


@pytest.mark.parametrize("size", [0, "0", 1.5, "", None, True])
def test_a_batch_has_a_whole_number_of_certificates(size):
    assert len(_renewal.renewal_plan([], KNOWN, batch_size=size)["findings"]) == 1


def test_batches_begin_with_what_expires_first():
    plan = _renewal.renewal_plan([], KNOWN, CERTIFICATES, NOW, batch_size="2")
    assert plan == {
        "findings": [],
        "names": ["shop", "mail", "app"],
        "batches": [["shop", "mail"], ["app"]],
        "left": [],
        "missing": [],
        "summary": "shop, mail; then app.",
    }


def test_one_that_was_never_issued_comes_first():
    new = certificate("new", not_after=None, serial=None)
    assert _renewal.renewal_plan("app new", [*KNOWN, "new"], [*CERTIFICATES, new], NOW, within_days=1)["names"] == ["new"]


@pytest.mark.parametrize(("days", "names"), [("", ["shop", "mail", "app"]), ("20", ["shop", "mail"]), (5.5, ["shop"]), (0, [])])
def test_only_what_expires_within_some_days(days, names):
    plan = _renewal.renewal_plan([], KNOWN, CERTIFICATES, NOW, batch_size=10, within_days=days)
    assert plan["names"] == names
    assert plan["batches"] == ([names] if names else [])
    assert len(plan["left"]) == 3 - len(names)


def test_what_is_left_alone_is_named_with_its_days():
    plan = _renewal.renewal_plan("shop, app", KNOWN, CERTIFICATES, NOW, within_days=1)
    assert plan["left"] == ["shop is valid for 5 days yet", "app is valid for 60 days yet"]
    assert plan["summary"] == "nothing. Left alone: shop is valid for 5 days yet, app is valid for 60 days yet."


def test_one_that_does_not_exist_is_named():
    absent = {"name": "app", "state": "Absent", "not_after": None}
    assert _renewal.renewal_plan([], ["app"], [absent], NOW)["missing"] == ["app"]


@pytest.mark.parametrize(
    ("names", "summary"),
    [([], "app, shop, mail, once there is a cluster."), ("mail, app", "mail, app, once there is a cluster.")],
)
def test_what_would_be_renewed_once_there_is_a_cluster(names, summary):
    assert _renewal.renewal_plan(names, KNOWN) == {
        "findings": [],
        "names": [],
        "batches": [],
        "left": [],
        "missing": [],
        "summary": summary,
    }
    assert _renewal.renewal_plan([], [])["summary"] == "nothing."


def test_lines_say_what_became_of_each():
    before = [{"name": "app", "serial": "app1"}, {"name": "mail", "serial": ""}]
    served = [
        {"pod": "gw-a", "sni": "app.example.com", "serial": "app2"},
        {"pod": "gw-a", "sni": "www.example.com", "serial": "app2"},
        {"pod": "gw-b", "sni": "app.example.com", "serial": "app2"},
        {"address": "2001:db8::1", "port": 443, "serial": "app2"},
    ]
    assert _renewal.renewal_lines(before, [CERTIFICATES[0], CERTIFICATES[2]], served) == [
        "app: app1 -> app2, valid until 2027-01-20 08:00:00 UTC, served by gateway pod gw-a, gateway pod gw-b, [2001:db8::1]:443",
        "mail: none -> mail2, valid until 2026-12-11 08:00:00 UTC, no gateway serves it",
    ]


def pod(name, uid="u", restarts=0):
    return {"name": name, "uid": uid, "restarts": restarts, "ready": True}


def test_pods_that_did_not_live_through_it():
    before = [pod("same"), pod("again"), pod("other"), pod("gone")]
    after = [pod("same"), pod("again", restarts=2), pod("other", uid="v"), pod("new")]
    assert _renewal.gateway_restarts(before, after) == [
        "Gateway pod again restarted 2 time(s) while certificates were renewed; its log says why.",
        "Gateway pod other was replaced or removed while certificates were renewed.",
        "Gateway pod gone was replaced or removed while certificates were renewed.",
    ]


PLAN = {"certificate_names": ["app", "shop"], "subjects": [{"name": "app"}, {"name": "own"}]}


def test_whose_certificates_are_revoked():
    assert _renewal.revocation_plan(PLAN, "shop, app shop") == {"findings": [], "names": ["shop", "app"]}


def test_each_mistake_in_whose_certificates_are_revoked_is_named():
    assert _renewal.revocation_plan(PLAN, []) == {
        "findings": ["revoke_sites is empty; it must name whose certificates are revoked: app, shop."],
        "names": [],
    }
    assert _renewal.revocation_plan(PLAN, ["own", "ghost", "app"]) == {
        "findings": [
            "revoke_sites has own, whose certificate was not ordered here; only who ordered it can revoke it.",
            "revoke_sites has ghost; it may have app, shop.",
        ],
        "names": ["app"],
    }
    (said,) = _renewal.revocation_plan({"certificate_names": [], "subjects": []}, "app")["findings"]
    assert said == "revoke_sites has app; it may have none, since no site has a certificate of its own."


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"state": "revoked"}, "app: 1a is revoked (superseded), the authority says so; 2b is served instead"),
        (
            {"state": "done"},
            "app: nothing to do, 1a is revoked and 2b is served instead. To revoke that as well, name it in revoke_serials",
        ),
        ({"state": "kept", "renew": True, "successor": ""}, "app: would revoke 1a (superseded) once another one is served"),
        ({"state": "kept"}, "app: would revoke 1a (superseded), 2b is there"),
    ],
)
def test_what_became_of_a_revocation(entry, said):
    whole = {"name": "app", "serial": "1a", "successor": "2b", "renew": False, **entry}
    assert _renewal.revocation_lines([whole], "superseded") == [said]
