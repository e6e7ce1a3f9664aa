# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three servers with etcd: how they come up, and what is served while one of them is off. What K3s is here, lab/README.md says."""

from __future__ import annotations

import http.client
import itertools
import json
import time

import pytest
import runs
import visits
from asking import Asking

SERVERS = ("server1", "server2", "server3")
#: The one that the others have joined.
FIRST, *OTHERS = SERVERS


@pytest.fixture(scope="module")
def three(request):
    """Name of a lab with three servers, on which site.yml ran."""
    with runs.own_lab(request, "s", "--servers", "3") as name:
        first = play(name)
        assert (first.status, first.failures) == (0, []), first.output[-4000:]
        yield name


def play(name):
    return runs.run({}, inventory=runs.lab("inventory", "--name", name).strip())


def shell(name, server, *command):
    return runs.lab("shell", "--name", name, server, "--", *command)


def kubectl(name, *arguments, server=OTHERS[0]):
    """Ask the API by way of one server, which asks its own."""
    return shell(name, server, "timeout", "20", "k3s", "kubectl", *arguments)


def address(name, server):
    return runs.lab("address", "--name", name, server).strip()


def eventually(check, wanted, seconds):
    """Ask until the answer is the one that is wanted."""
    ends = time.monotonic() + seconds
    while True:
        try:
            found = check()
        except (AssertionError, OSError, http.client.HTTPException) as error:
            found = f"{type(error).__name__}: {error}"
        if found == wanted:
            return
        assert time.monotonic() < ends, f"not {wanted} within {seconds} s, but {found}"
        time.sleep(0.5)


def voters(name, server=OTHERS[0]):
    """Return the servers whose Node is ready and whose member votes."""
    nodes = json.loads(kubectl(name, "get", "nodes", "--output", "json", server=server))["items"]
    conditions = {node["metadata"]["name"]: {each["type"]: each["status"] for each in node["status"]["conditions"]} for node in nodes}
    return sorted(node for node, has in conditions.items() if has.get("Ready") == has.get("EtcdIsVoter") == "True")


def published(name):
    """Return the addresses at which the cluster finds its API."""
    found = json.loads(kubectl(name, "get", "endpointslice", "kubernetes", "--output", "json"))
    return {each for endpoint in found["endpoints"] for each in endpoint["addresses"]}


def test_every_server_votes(three):
    assert voters(three) == list(SERVERS)
    members = json.loads(kubectl(three, "get", "nodes", "--output", "json"))["items"]
    names = [node["metadata"]["annotations"]["etcd.k3s.cattle.io/node-name"] for node in members]
    assert [name.rpartition("-")[0] for name in names] == list(SERVERS)
    assert published(three) == {address(three, server) for server in SERVERS}


def test_no_server_began_before_the_one_ahead_of_it_was_ready(three):
    stamps = []
    for server in SERVERS:
        shown = shell(three, server, "systemctl", "show", "k3s", "--property=InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic")
        times = dict(line.split("=") for line in shown.split())
        stamps.append((int(times["InactiveExitTimestampMonotonic"]), int(times["ActiveEnterTimestampMonotonic"])))
    # All hosts have the machine's clock.
    assert all(ready <= begun for (_, ready), (begun, _) in itertools.pairwise(stamps)), stamps


def test_a_second_run_changes_nothing(three):
    again = play(three)
    assert (again.status, again.failures, again.changed) == (0, [], 0), again.output[-4000:]


@pytest.fixture
def backends_elsewhere(three):
    """Move the applications off the first server: each has one pod, and what this is about is the edge."""
    kubectl(three, "cordon", FIRST)
    kubectl(three, "delete", "pods", "--namespace", "default", "--field-selector", f"spec.nodeName={FIRST}", "--grace-period", "1")
    kubectl(three, "wait", "deployments", "--namespace", "default", "--all", "--for", "condition=Available", "--timeout", "15s")
    yield
    kubectl(three, "uncordon", FIRST)


@pytest.mark.usefixtures("backends_elsewhere")
def test_the_first_server_may_be_off(three, site):
    places = {server: address(three, server) for server in OTHERS}
    with Asking(**{server: (lambda place=place: visits.status_of(place, site)[0], 200) for server, place in places.items()}) as asking:
        runs.lab("stop", "--name", three, FIRST)
        eventually(lambda: kubectl(three, "get", "--raw", "/readyz"), "ok", 30)
        kubectl(three, "create", "configmap", "written-without-the-first")
        eventually(lambda: published(three), set(places.values()), 40)
    print(f"requests while {FIRST} went off: {asking.answers}")
    assert asking.unlike == {}

    runs.lab("up", "--name", three)
    eventually(lambda: voters(three, FIRST), list(SERVERS), 120)
    eventually(lambda: visits.status_of(address(three, FIRST), site)[0], 200, 120)
    assert kubectl(three, "get", "configmap", "written-without-the-first", "--output", "name", server=FIRST).strip()
