# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm's records, and what must be done about them."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import NAMESPACES, SECRETS
from ansible_collections.baremesh.edge.plugins.module_utils._workload import helm_releases
from ansible_collections.baremesh.edge.plugins.module_utils._workload.helm_check import check_releases
from ansible_collections.baremesh.edge.plugins.module_utils._workload.helm_releases import Release, decode, plan, value_differences
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import NOW, FakeApi, ScriptedClock, ScriptedFeed

VALUES = {"global": {"imagePullPolicy": "IfNotPresent"}, "replicas": 1}
RELEASE = {"name": "istiod", "namespace": "istio-system", "chart": "istiod", "chart_version": "1.31.1", "values": VALUES}


def record(number=1, status="deployed", values=None, version="1.31.1", created="2026-11-21T07:00:00Z", compressed=True):
    text = json.dumps(
        {
            "name": "istiod",
            "namespace": "istio-system",
            "version": number,
            "info": {"status": status},
            "chart": {"metadata": {"name": "istiod", "version": version}},
            "config": VALUES if values is None else values,
        }
    ).encode()
    packed = base64.b64encode(gzip.compress(text) if compressed else text)
    return {
        "metadata": {
            "name": f"sh.helm.release.v1.istiod.v{number}",
            "namespace": "istio-system",
            "labels": {"owner": "helm", "name": "istiod", "status": status, "version": str(number)},
            "creationTimestamp": created,
        },
        "data": {"release": base64.b64encode(packed).decode()},
    }


class World:
    def __init__(self, *secrets, namespace=True):
        self.clock = ScriptedClock()
        self.api = FakeApi(self.clock)
        if namespace:
            self.api.apply(NAMESPACES, {"metadata": {"name": "istio-system"}})
        for secret in secrets:
            self.api.apply(SECRETS, secret)

    def check(self, **wanted):
        found = check_releases(KubeClient(self.api, self.clock), [dict(RELEASE, **wanted)], 30, self.clock, ScriptedFeed(self.clock))
        self.result = found["releases"][0]
        return found


def test_nothing_to_do_costs_two_requests():
    world = World(record())
    found = world.check()
    assert (found["pending"], found["broken"], found["missing_namespaces"]) == ([], [], [])
    assert (world.result["action"], world.result["revision"], world.result["status"]) == ("none", 1, "deployed")
    assert len(world.api.requests) == 2


def test_the_newest_revision_counts_and_numbers_are_not_compared_as_text():
    world = World(record(9, "superseded", values={}), record(10))
    assert world.check()["pending"] == []


def test_a_release_that_is_not_there():
    assert World().check()["pending"][0]["action"] == "install"


def test_a_namespace_that_is_not_there():
    found = World(namespace=False).check()
    assert found["missing_namespaces"] == ["istio-system"]
    assert found["pending"][0]["action"] == "install"


def test_an_upgrade_says_what_changes_but_shows_no_value():
    world = World(record(values={"global": {"imagePullPolicy": "Always"}, "password": "hunter2"}, version="1.30.0"))
    world.check()
    assert world.result["action"] == "upgrade"
    assert world.result["differences"] == [
        "chart version changes from 1.30.0 to 1.31.1",
        "values.global.imagePullPolicy changes",
        "values.password is gone",
        "values.replicas is new",
    ]


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback", "failed"])
def test_a_broken_upgrade_is_rolled_back_to_what_helm_knows(status):
    world = World(record(3, "superseded"), record(4, status))
    found = world.check()
    assert [entry["action"] for entry in found["broken"]] == ["rollback"]
    assert found["broken"][0]["differences"] == [f"revision 4 is {status}"]
    assert world.clock.now == 0.0


@pytest.mark.parametrize("status", ["pending-install", "failed"])
def test_a_broken_install_has_nothing_to_go_back_to(status):
    found = World(record(1, "failed"), record(2, status)).check()
    assert [entry["action"] for entry in found["broken"]] == ["reinstall"]


def test_an_uninstall_that_was_killed_is_forgotten():
    found = World(record(1, "superseded"), record(2, "uninstalling")).check()
    assert [(entry["action"], entry["record"]) for entry in found["broken"]] == [("forget", "sh.helm.release.v1.istiod.v2")]


def test_a_helm_that_is_at_work_is_waited_for():
    world = World(record(1, "pending-install", created="2026-11-21T08:00:00Z"))
    assert NOW == 1795248000.0
    world.clock.at(4.0, lambda: world.api.apply(SECRETS, record(1)))
    found = world.check()
    assert found["pending"] == []
    assert world.clock.now == 4.0


def test_but_not_for_longer_than_the_grace():
    world = World(record(1, "pending-install", created="2026-11-21T08:00:00Z"))
    assert world.check()["pending"][0]["action"] == "reinstall"
    assert world.clock.now == 30.0


def test_a_clock_that_runs_behind_does_not_lengthen_the_wait():
    world = World(record(1, "pending-install", created="2026-11-21T10:00:00Z"))
    world.check()
    assert world.clock.now == 30.0


def test_a_record_without_compression_and_one_that_is_none():
    assert decode(record(compressed=False)).chart_version == "1.31.1"
    broken = record()
    broken["data"] = {"release": "bm9uc2Vuc2U="}
    with pytest.raises(ValueError, match=r"Secret istio-system/sh\.helm\.release\.v1\.istiod\.v1 is not a Helm release"):
        decode(broken)


@pytest.mark.parametrize(
    ("recorded", "wanted", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": True}, {"a": 1}, ["values.a changes"]),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["values.a changes"]),
        ({"a": {"b": None}}, {"a": {"b": None}}, []),
        ({"a": {}}, {"a": "x"}, ["values.a changes"]),
    ],
)
def test_values_are_compared_as_helm_sees_them(recorded, wanted, expected):
    assert value_differences(recorded, wanted) == expected


def test_a_leading_v_is_no_difference():
    wanted = Release("istiod", "istio-system", "istiod", "v1.31.1", VALUES)
    assert plan(wanted, decode(record())).action == "none"


def test_a_record_that_unpacks_without_end_is_none(monkeypatch):
    monkeypatch.setattr(helm_releases, "LARGEST", 1 << 20)
    bomb = record(values={"x": "0" * (2 << 20)})
    assert len(bomb["data"]["release"]) < 1 << 16
    with pytest.raises(ValueError, match="has more than 1048576 bytes"):
        decode(bomb)


def test_what_earlier_revisions_hold_is_not_read():
    """Nor that of other releases: values may be secret."""
    world = World(record(1, "superseded", values={"password": "old"}), record(2, "failed"))
    read = []
    request = world.api.request
    world.api.request = lambda *arguments: read.append(request(*arguments)) or read[-1]
    other = record(1, values={"password": "theirs"})
    other["metadata"].update(name="other", labels={**other["metadata"]["labels"], "name": "other"})
    world.api.apply(SECRETS, other)
    assert world.check()["broken"][0]["action"] == "rollback"
    bodies = b"".join(answer.body for answer in read)
    assert record(2, "failed")["data"]["release"].encode()[-40:] in bodies
    assert other["data"]["release"].encode() not in bodies
    assert record(1, "superseded", values={"password": "old"})["data"]["release"].encode() not in bodies
