# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for Certificates while the API gives trouble: it heals, and it is never fooled."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.ledger import Ledger
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.selection import Selection
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import status
from ansible_collections.baremesh.edge.tests.unit.plugins.worlds import World

READ = ["/certificates", "/secrets", "/certificaterequests", "/orders", "/challenges"]
TROUBLE = {
    "refused": "lost",
    "410": status(410, "Expired", "too old resource version"),
    "429": status(429, "TooManyRequests", "slow down", retry_after="2"),
    "500": status(500, "InternalError", "etcdserver: leader changed"),
    "503": status(503, "ServiceUnavailable", "apiserver not ready"),
}


@pytest.fixture
def stuck():
    """A Certificate under way, which never gets ready."""
    found = World()
    found.put(kinds.CLUSTER_ISSUERS, make.cluster_issuer())
    found.put(kinds.CERTIFICATES, make.certificate(conditions=[make.MISSING, make.ISSUING]))
    found.put(kinds.CERTIFICATE_REQUESTS, make.request())
    found.put(kinds.ORDERS, make.order())
    found.put(kinds.CHALLENGES, make.challenge())
    return found


@pytest.fixture
def world(stuck):
    """A Certificate under way, which is ready after ten seconds."""
    stuck.put_at(10.0, kinds.SECRETS, make.secret())
    stuck.put_at(10.0, kinds.CERTIFICATES, make.certificate())
    return stuck


def event(**found):
    """An ERROR of a watch."""
    return json.dumps({"type": "ERROR", "object": {"kind": "Status", **found}}).encode()


@pytest.mark.parametrize("fragment", READ)
@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_at_the_beginning_heals(world, trouble, fragment):
    world.api.fail(fragment, TROUBLE[trouble], times=2)
    assert world.wait().good


@pytest.mark.parametrize("fragment", READ)
@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_when_a_watch_ended_heals(world, trouble, fragment):
    def strike():
        world.api.fail(fragment, TROUBLE[trouble], times=2)
        world.api.end_watches(fragment)

    world.clock.at(5.0, strike)
    outcome = world.wait()
    assert outcome.good
    assert outcome.elapsed < 13.0


@pytest.mark.parametrize("fragment", READ)
@pytest.mark.parametrize(
    "error",
    [
        {"code": 410, "reason": "Expired", "message": "too old"},
        {"code": 500, "reason": "InternalError", "message": "x"},
        {"code": 429, "reason": "TooManyRequests", "message": "x", "details": {"retryAfterSeconds": 1}},
        {},
    ],
)
def test_an_error_inside_a_watch_heals(world, error, fragment):
    world.clock.at(5.0, lambda: world.api.end_watches(fragment, event(**error)))
    assert world.wait().good


def test_a_restarted_api_server_that_refuses_for_a_while_heals(world):
    """Its caches of CRDs and roles fill while it already answers."""

    def restart():
        world.api.fail("/", "lost", times=3)
        world.api.fail("/", status(403, "Forbidden", "no role yet"), times=3)
        world.api.fail("/", status(404, "NotFound", "no kind yet"), times=3)
        world.api.end_watches("/")

    world.clock.at(5.0, restart)
    assert world.wait().good


def test_a_right_that_is_taken_away_is_named_after_the_grace_of_a_restart(world):
    def revoke():
        world.api.fail("/certificates", status(403, "Forbidden", "certificates is forbidden"), times=10**6)
        world.api.end_watches("/certificates")

    world.clock.at(5.0, revoke)
    outcome = world.wait(timeout=300)
    assert "certificates is forbidden" in outcome.message.splitlines()[0]
    assert 20.0 <= outcome.elapsed <= 31.0


GOOD = {"generation": 1, "observed": 1, "status": "True", "issuing": None, "key": "leaf", "owner": "app", "names": ("app.example.com",)}
BAD = [
    ("generation", 2),
    ("status", "False"),
    ("issuing", "DoesNotExist"),
    ("key", "foreign"),
    ("owner", "other"),
    ("names", ("www.example.com",)),
]
HARMLESS = [("observed", 2), ("issuing", "Renewing"), ("trouble", "end"), ("trouble", "410"), ("trouble", "503"), ("trouble", "refused")]
CHANGES = st.sampled_from(BAD + HARMLESS + list(GOOD.items()))


class Shifting:
    """An API whose Certificate and Secret change, now together, now one before the other."""

    def __init__(self, start):
        self.world = World()
        self.world.put(kinds.CLUSTER_ISSUERS, make.cluster_issuer())
        self.state = dict(start)
        self.put()

    def mend(self):
        self.state = dict(GOOD)
        self.put()

    def put(self):
        state = self.state
        conditions = [make.condition("Ready", state["status"], "Ready", "m", state["observed"])]
        if state["issuing"]:
            conditions.append(make.condition("Issuing", "True", state["issuing"], "m", state["observed"]))
        dates = {"notAfter": make.stamp(make.NOW + 60 * make.DAY), "revision": 1}
        found = make.certificate(conditions=conditions, generation=state["generation"], **dates)
        self.world.put(kinds.CERTIFICATES, copy.deepcopy(found))
        self.world.put(kinds.SECRETS, make.secret(key=state["key"], certificate_name=state["owner"], names=state["names"]))

    def change(self, what, value):
        if what == "trouble":
            if value != "end":
                self.world.api.fail("/", TROUBLE[value], times=2)
            self.world.api.end_watches("/")
            return
        self.state[what] = value
        self.put()

    @property
    def good(self):
        """The predicate in other words than the module's."""
        state = self.state
        secret = (state["key"], state["owner"], state["names"]) == ("leaf", "app", ("app.example.com",))
        return state["status"] == "True" and state["observed"] >= state["generation"] and state["issuing"] != "DoesNotExist" and secret


@settings(max_examples=150, deadline=None)
@given(bad=st.sampled_from(BAD), steps=st.lists(st.tuples(st.floats(0.3, 4.0), CHANGES), max_size=6), mended=st.booleans())
def test_property_ready_is_returned_while_it_is_true_and_not_missed_when_it_stays(bad, steps, mended):
    shifting = Shifting(GOOD | dict([bad]))
    moment = 0.0
    for pause, (what, value) in steps:
        moment += pause
        shifting.world.clock.at(moment, lambda what=what, value=value: shifting.change(what, value))
    if mended:
        shifting.world.clock.at(moment + 1.0, shifting.mend)
    outcome = shifting.world.wait(timeout=90)
    assert outcome.good is shifting.good, (outcome.message, shifting.state)
    assert outcome.good or not mended


def test_a_lost_watch_that_goes_on_without_news_is_no_cause(stuck):
    def lose():
        stuck.api.fail("/certificates", "lost", times=1)
        stuck.api.end_watches("/certificates")

    stuck.clock.at(5.0, lose)
    reason = "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"
    stuck.put_at(20.0, kinds.CHALLENGES, make.challenge(reason=reason))
    outcome = stuck.wait(timeout=120)
    assert not outcome.good
    assert "wrong status code '404'" in outcome.message.splitlines()[0]
    assert "cannot be reached" not in str(outcome)


@pytest.mark.parametrize(
    "below",
    [
        [("CertificateRequest", make.request())],
        [("CertificateRequest", make.request()), ("Order", make.order())],
        [("CertificateRequest", make.request()), ("Order", make.order()), ("Challenge", make.challenge())],
    ],
)
def test_news_below_a_certificate_with_a_controller_concern_it(below):
    """ingress-shim makes its Ingress the controller of the Certificate."""
    found = make.certificate(conditions=[make.MISSING])
    found["metadata"]["ownerReferences"] = [{"kind": "Ingress", "uid": "ingress-app", "controller": True}]
    ledger = Ledger(Selection(make.NS, ("app",), None), {}, 1e12, False)
    ledger.take("Certificate", "set", [found])
    for kind, news in below:
        assert ledger.take(kind, "set", [news]) == {"app"}


REFUSED = "Error accepting challenge: 400 urn:ietf:params:acme:error:malformed: "
TWICE = REFUSED + "Cannot update challenge with status valid, only status pending"


def test_a_challenge_that_was_answered_twice_leaves_the_order_to_the_server(stuck):
    """As cert-manager does; the server has the first answer, and the order goes on."""
    stuck.put_at(2.0, kinds.CHALLENGES, make.challenge(state="errored", reason=TWICE))
    stuck.put_at(9.0, kinds.SECRETS, make.secret())
    stuck.put_at(9.0, kinds.CERTIFICATES, make.certificate())
    outcome = stuck.wait()
    assert outcome.good, outcome.message
    assert outcome.elapsed == 9.0


@pytest.mark.parametrize(
    ("reason", "order"),
    [(TWICE, "errored"), (TWICE, "invalid"), (TWICE.replace("status valid", "status invalid"), "pending"), ("malformed: none", "pending")],
)
def test_other_refusals_and_failed_orders_end_the_wait(stuck, reason, order):
    stuck.put_at(2.0, kinds.CHALLENGES, make.challenge(state="errored", reason=reason))
    stuck.put_at(2.5, kinds.ORDERS, make.order(state=order))
    outcome = stuck.wait()
    assert (outcome.good, outcome.cause) == (False, f"Challenge app.example.com: {reason}")
    assert outcome.elapsed < 5.0
