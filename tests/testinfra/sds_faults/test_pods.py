# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two gateway pods, of which one is cut off from istiod; and runs that end while they wait for it."""

from __future__ import annotations

import re

import pytest
from conftest import NAMESPACE
from waits import PYTHON, first_line

LABELS = "istio=ingress"
TABLE = "inet sds_faults"


@pytest.fixture(scope="module")
def pods(cluster):
    """Names of two gateway pods; the second goes after the tests."""
    (first,) = cluster.pods(NAMESPACE, LABELS)
    cluster.scale(NAMESPACE, "istio-ingress", 2)
    (second,) = [pod for pod in cluster.pods(NAMESPACE, LABELS) if pod.metadata.name != first.metadata.name]
    cost = {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-1"}}}
    cluster.core.patch_namespaced_pod(second.metadata.name, NAMESPACE, cost)
    yield first, second
    cluster.scale(NAMESPACE, "istio-ingress", 1)
    (left,) = cluster.pods(NAMESPACE, LABELS)
    assert left.metadata.uid == first.metadata.uid


@pytest.fixture(scope="module")
def cut_off(host, pods):
    """Drop what the second pod and istiod say to each other, as a network that broke between them does."""
    address = pods[1].status.pod_ip
    rules = [
        f"add table {TABLE}",
        f"add chain {TABLE} early {{ type filter hook prerouting priority raw; }}",
        f"add rule {TABLE} early ip saddr {address} tcp dport 15012 drop",
        f"add rule {TABLE} early ip daddr {address} tcp sport 15012 drop",
    ]
    host.check_output("nft %s", "; ".join(rules))
    yield pods[1].metadata.name
    host.check_output(f"nft delete table {TABLE}")


def test_the_pod_that_is_cut_off_is_named(pods, cut_off, credential, wait, cluster):
    given, pair = credential
    found = wait(given, timeout=10).result()
    assert first_line(found) == (
        f"Credential {given['name']} is not served: gateway pod {cut_off} on {pods[1].spec.node_name} does not listen for "
        f"{given['hosts'][0]}; its Envoy has not asked for kubernetes://{given['name']}, which istiod has not sent "
        "(does istiod run, and is the pod connected to it?)"
    )
    assert found["msg"].splitlines()[-1].startswith("1 of 2 handshakes succeeded in ")
    assert {(each["pod"], each["state"], each["serial"]) for each in found["pods"]} == {
        (pods[0].metadata.name, "served", pair.serial),
        (cut_off, "refused", None),
    }
    assert cluster.primers() == []


@pytest.mark.matrix
def test_what_each_pod_holds_and_serves_is_told(pods, info, site):
    known, unknown = site["hosts"][0], "none.example.com"
    found = info(server_names=[known, unknown])
    assert found["errors"] == []
    held = {(each["pod"], each["name"], each["kind"], each["state"], each["serial"]) for each in found["secrets"]}
    served = {(each["pod"], each["sni"], each["state"], each["serial"]) for each in found["served"]}
    (serial,) = {each["serial"] for each in found["served"] if each["sni"] == known}
    names = [pod.metadata.name for pod in pods]
    assert {(name, f"kubernetes://{site['name']}", "certificate", "active", serial) for name in names} <= held
    assert served == {(name, known, "served", serial) for name in names} | {(name, unknown, "reset", None) for name in names}


def end_module(host, signal):
    """Send a signal to the module's process, and to nothing else."""
    process = host.check_output(f"pgrep --full --exact {PYTHON}")
    assert re.fullmatch("[0-9]+", process), process
    host.check_output(f"kill -{signal} {process}")


@pytest.mark.matrix
@pytest.mark.usefixtures("cut_off")
def test_a_run_that_is_ended_removes_its_primer(credential, wait, host, cluster):
    run = wait(credential[0])
    cluster.wait_for_primer()
    end_module(host, "TERM")
    assert first_line(run.result()) == "The wait was interrupted by SIGTERM; its primer is removed"
    assert cluster.primers() == []


@pytest.mark.usefixtures("cut_off")
@pytest.mark.matrix
def test_the_primer_of_a_killed_run_goes_with_the_next(credential, wait, host, cluster):
    run = wait(credential[0])
    primer = cluster.wait_for_primer()
    end_module(host, "KILL")
    assert run.result()["failed"]
    assert cluster.primers() == [primer]

    found = wait(credential[0], timeout=1).result()
    assert found["swept"] == [primer]
    assert cluster.primers() == []
