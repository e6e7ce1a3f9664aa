# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a workload is rolled out, and what is said when it is not."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Name, NamedWait
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import DEPLOYMENTS, EVENTS, PODS
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import Answer
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline
from ansible_collections.baremesh.edge.plugins.module_utils._workload.rollout import problem
from ansible_collections.baremesh.edge.plugins.module_utils._workload.rollouts import Rollouts
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, ScriptedFeed

NS = "istio-system"


def deployment(generation=1, replicas=1, **status):
    full = {"observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas}
    return {
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": NS, "uid": "d1", "generation": generation},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "istiod"}}},
        "status": {**full, **status},
    }


def pod(**status):
    return {"metadata": {"name": "istiod-1", "namespace": NS, "uid": "p1", "labels": {"app": "istiod"}}, "status": status}


def waiting(reason, message=""):
    return pod(containerStatuses=[{"name": "discovery", "ready": False, "state": {"waiting": {"reason": reason, "message": message}}}])


def crashed():
    return pod(
        containerStatuses=[
            {
                "name": "discovery",
                "ready": False,
                "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            }
        ]
    )


class Api(FakeApi):
    logs = b""

    def request(self, method, path, query, body, content_type, timeout):
        if path.endswith("/log"):
            self.requests.append((method, path, dict(query), body))
            return Answer(200, {}, self.logs)
        return super().request(method, path, query, body, content_type, timeout)


class World:
    def __init__(self, *objects):
        self.clock = ScriptedClock()
        self.api = Api(self.clock)
        for resource, found in objects:
            self.api.apply(resource, found)

    def run(self, timeout=60, fail_fast=True, once=False):
        wait = NamedWait(KubeClient(self.api, self.clock), [Name("Deployment", NS, "istiod")], [Rollouts()], fail_fast)
        return wait.run(Deadline(self.clock, timeout), once, ScriptedFeed(self.clock)).result()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (deployment(), None),
        (deployment(replicas=0), None),
        (deployment(generation=2, observedGeneration=1), "its last change is not yet observed by its controller"),
        (deployment(replicas=2, updatedReplicas=1), "1 of 2 pods are of its newest version"),
        (deployment(availableReplicas=0), "0 of 1 pods are available"),
        ({**deployment(), "status": {}}, "its last change is not yet observed by its controller"),
    ],
)
def test_a_deployment_is_rolled_out(found, expected):
    assert problem(found) == expected


def test_old_pods_that_still_run_are_waited_for():
    found = deployment()
    found["status"]["replicas"] = 2
    assert problem(found) == "1 pods of its last version still end"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}, None),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}, "1 of 2 pods are of its newest version"),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}, "1 of 2 pods are available"),
        ({}, "no node may run it: check its nodeSelector and tolerations"),
    ],
)
def test_a_daemon_set_is_rolled_out(status, expected):
    found = {"kind": "DaemonSet", "metadata": {"generation": 1}, "status": {"observedGeneration": 1, **status}}
    assert problem(found) == expected


def test_it_returns_with_the_event_and_a_list_and_a_watch_for_each_kind():
    world = World((DEPLOYMENTS, deployment(availableReplicas=0)))
    world.clock.at(7.0, lambda: world.api.apply(DEPLOYMENTS, deployment()))
    found = world.run()
    assert (found["cause"], found["elapsed"], found["objects"][0]["ready"]) == (None, 7.0, True)
    assert len(world.api.requests) == 4


def test_what_never_appears_is_a_failure():
    found = World().run(timeout=5)
    assert found["cause"] == "Deployment istio-system/istiod: it does not exist"
    assert found["elapsed"] == 5.0


def test_it_looks_once_in_check_mode():
    world = World()
    assert world.run(once=True)["cause"] == "Deployment istio-system/istiod: it does not exist"
    assert world.clock.now == 0.0


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            pod(
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes are available: 1 Insufficient memory.",
                    }
                ]
            ),
            "pod istiod-1 is not scheduled: Unschedulable: 0/1 nodes are available: 1 Insufficient memory.",
        ),
        (
            waiting("ImagePullBackOff", "Back-off pulling image"),
            "container discovery of pod istiod-1: ImagePullBackOff: Back-off pulling image",
        ),
        (
            waiting("CreateContainerConfigError", 'secret "x" not found'),
            'container discovery of pod istiod-1: CreateContainerConfigError: secret "x" not found',
        ),
        (pod(phase="Failed", reason="Evicted", message="low on memory"), "pod istiod-1 failed: Evicted: low on memory"),
        (
            pod(
                conditions=[{"type": "Ready", "status": "False"}],
                containerStatuses=[{"name": "discovery", "ready": False, "state": {"running": {}}}],
            ),
            "container discovery of pod istiod-1 is not ready",
        ),
    ],
)
def test_the_deepest_reason_is_told(found, expected):
    world = World((DEPLOYMENTS, deployment(availableReplicas=0)), (PODS, found))
    assert world.run(timeout=3)["cause"] == f"Deployment istio-system/istiod: {expected}"


def test_pods_that_cannot_be_created():
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    world = World((DEPLOYMENTS, deployment(replicas=1, updatedReplicas=0, conditions=[failure])))
    assert world.run(timeout=3)["cause"].endswith("its pods cannot be created: FailedCreate: exceeded quota")


def test_an_image_that_the_registry_does_not_have_ends_the_wait_at_once():
    refused = waiting("ErrImagePull", "rpc error: docker.io/istio/pilot:9.9.9: not found")
    objects = ((DEPLOYMENTS, deployment(availableReplicas=0)), (PODS, refused))
    assert World(*objects).run()["elapsed"] == 0.0
    assert World(*objects).run(timeout=9, fail_fast=False)["elapsed"] == 9.0


def test_a_crash_is_told_with_the_last_line():
    world = World((DEPLOYMENTS, deployment(availableReplicas=0)), (PODS, crashed()))
    world.api.logs = b"Error: invalid meshConfig\n"
    assert world.run(timeout=3)["cause"] == (
        "Deployment istio-system/istiod: container discovery of pod istiod-1 ended with exit code 1 (Error), 3 restarts;"
        " its last line: Error: invalid meshConfig"
    )


def test_a_warning_of_the_kubelet_is_added():
    world = World((DEPLOYMENTS, deployment(availableReplicas=0)), (PODS, waiting("ContainerCreating")))
    unready = pod(conditions=[{"type": "Ready", "status": "False"}], containerStatuses=[{"name": "discovery", "ready": False}])
    world.api.apply(PODS, unready)
    world.api.apply(EVENTS, {"metadata": {"name": "e", "namespace": NS}, "message": "Readiness probe failed: 503", "lastTimestamp": "x"})
    assert world.run(timeout=3)["cause"].endswith("is not ready; Readiness probe failed: 503")


def test_trouble_with_the_api_is_survived():
    world = World((DEPLOYMENTS, deployment()))
    world.api.fail("/deployments", "lost", times=2)
    assert world.run()["cause"] is None
