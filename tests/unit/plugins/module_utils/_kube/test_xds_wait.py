# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for istiod's offer, against a scripted API and scripted subscriptions."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._istio.xds import Offer
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConnectionLost, KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_base import Wanted
from ansible_collections.baremesh.edge.plugins.module_utils._kube.xds_wait import XdsWait
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, FakeApi, ScriptedClock, ScriptedFeed, answer

APP = Credential("app", ("app.example.com",))


def offer(**changes):
    return {"kubernetes://app": Offer(chain=make.cert_pem(**changes))}


class ScriptedStream:
    """Gives what was planned for a moment when it comes; is silent for as long as it is asked to wait."""

    def __init__(self, world):
        self.world = world
        self.closed = False
        world.streams.append(self)

    def next(self, seconds):
        clock = self.world.clock
        end = clock.now + seconds
        while True:
            if self.world.pushes:
                found = self.world.pushes.pop(0)
                if isinstance(found, Exception):
                    raise found
                return found
            moment = clock.next_moment()
            if moment is None or moment > end:
                clock.advance_to(end)
                return {}
            clock.advance_to(moment)

    def close(self):
        self.closed = True


class World:
    def __init__(self):
        self.clock = ScriptedClock()
        self.api = FakeApi(self.clock)
        self.allowed = True
        self.pushes, self.streams, self.asked, self.refusals = [], [], [], []
        plain = self.api.request

        def request(method, path, query, body, *rest):
            if path.endswith("subjectaccessreviews"):
                return answer(201, {"status": {"allowed": self.allowed}})
            return plain(method, path, query, body, *rest)

        self.api.request = request
        self.pod("gw-a")
        self.api.apply(kinds.SECRETS, make.secret())

    def pod(self, name, account="ingress"):
        metadata = {"name": name, "namespace": make.NS, "labels": {"istio": "ingress"}}
        status = {"conditions": [make.condition("Ready", "True")]}
        self.api.apply(kinds.PODS, {"metadata": metadata, "spec": {"nodeName": "n", "serviceAccountName": account}, "status": status})

    def subscribe(self, pod, names):
        self.asked.append((pod.service_account, list(names)))
        if self.refusals:
            raise self.refusals.pop(0)
        return ScriptedStream(self)

    def wait(self, credential=APP, timeout=60, **options):
        client = KubeClient(self.api, self.clock)
        wanted = Wanted([credential], make.NS, {"istio": "ingress"}, Deadline(self.clock, timeout), **options)
        return XdsWait(client, self, wanted, ScriptedFeed(self.clock)).run()


@pytest.fixture
def world():
    return World()


def first_line(outcome):
    assert not outcome.good
    return outcome.message.splitlines()[0]


def test_what_is_offered_is_not_called_served(world):
    world.pushes = [offer()]
    result = world.wait().result()
    assert (result["served"], result["offered"], result["method"]) == (False, True, "xds")
    assert [(p["pod"], p["state"], p["serial"], p["sni"]) for p in result["pods"]] == [("gw-a", "offered", "1001", "")]
    assert all(s.closed for s in world.streams)
    assert not [r for r in world.api.requests if "/gateways" in r[1]]


def test_pods_of_one_account_are_asked_for_once_and_others_too(world):
    world.pod("gw-b")
    world.pod("gw-c", account="other")
    world.pushes = [offer(), offer()]
    outcome = world.wait()
    assert outcome.message == "istiod will serve 1 credentials to 3 gateway pods; whether their Envoys serve them was not asked"
    assert sorted(world.asked) == [("ingress", ["kubernetes://app"]), ("other", ["kubernetes://app"])]


def test_a_missing_secret_fails_at_once_and_nobody_is_asked(world):
    world.api.remove(kinds.SECRETS, make.NS, "app")
    outcome = world.wait()
    assert first_line(outcome).startswith("Credential app cannot be served: Secret app does not exist in namespace istio-ingress")
    assert outcome.elapsed == 0.0
    assert world.asked == []


def test_a_secret_that_comes_later_is_seen_by_push(world):
    world.api.remove(kinds.SECRETS, make.NS, "app")

    def appear():
        world.api.apply(kinds.SECRETS, make.secret())
        world.pushes.append(offer())

    world.clock.at(7.25, appear)
    outcome = world.wait(fail_fast=False)
    assert outcome.good
    assert outcome.elapsed == 7.25
    assert len(world.streams) == 1


def test_a_secret_that_comes_and_cannot_be_served_is_the_cause(world):
    world.api.remove(kinds.SECRETS, make.NS, "app")

    def appear():
        world.api.apply(kinds.SECRETS, make.secret(end=NOW - 1))
        world.pushes.append(offer(end=NOW - 1))

    world.clock.at(3.0, appear)
    outcome = world.wait(fail_fast=False, timeout=10)
    assert "Secret istio-ingress/app: its certificate expired at" in first_line(outcome)
    assert outcome.elapsed == 10.0


def test_an_old_offer_waits_for_the_new_one(world):
    world.pushes = [offer(serial=0x77)]
    world.clock.at(2.0, lambda: world.pushes.append(offer()))
    outcome = world.wait()
    assert outcome.good
    assert outcome.elapsed == 2.0


def test_silence_is_named_and_istiod_is_asked_anew(world):
    lines = []
    outcome = world.wait(timeout=50, progress=lines.append)
    assert first_line(outcome) == (
        "Credential app is not offered by istiod: istiod has not sent kubernetes://app, which is for gateway pod gw-a on n and "
        "ServiceAccount ingress"
    )
    assert outcome.elapsed == 50.0
    assert len(world.streams) == 3
    assert lines[0].startswith("app: istiod has not sent kubernetes://app")


def test_an_istiod_that_is_away_is_waited_for(world):
    world.refusals = [ConnectionLost("no pod of Service istiod in namespace istio-system is Ready")] * 3
    world.pushes = [offer()]
    outcome = world.wait()
    assert outcome.good
    assert outcome.elapsed == pytest.approx(0.1 + 0.2 + 0.4)


def test_an_istiod_that_stays_away_is_the_cause(world):
    world.refusals = [ConnectionLost("no pod of Service istiod in namespace istio-system is Ready")] * 99
    outcome = world.wait(timeout=10)
    assert first_line(outcome) == "Credential app is not offered by istiod: no pod of Service istiod in namespace istio-system is Ready"
    assert outcome.elapsed == 10.0


def test_a_stream_that_ends_is_opened_again(world):
    world.pushes = [ConnectionLost("istiod ended the stream with Unavailable"), offer()]
    assert world.wait().good
    assert [s.closed for s in world.streams] == [True, True]


def test_what_cannot_heal_ends_the_wait(world):
    world.refusals = [KubeError("istiod's certificate is not trusted")]
    outcome = world.wait()
    assert first_line(outcome) == "Credential app is not offered by istiod: istiod's certificate is not trusted"
    assert outcome.elapsed == 0.0


def test_a_missing_right_is_found_before_istiod_is_asked(world):
    world.allowed = False
    assert "may not list Secrets" in first_line(world.wait())
    assert world.asked == []
