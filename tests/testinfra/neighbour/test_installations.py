# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two inventories for one cluster: neither deletes what is of the other, and what both need stays while one of them does.

In order: the second beside the first, the first again, and resets of the second that leave the cluster.
"""

from __future__ import annotations

import ssl

import pytest
import runs
import visits

pytestmark = pytest.mark.matrix

SECOND = {
    "edge_instance": "second",
    "edge_sites": [
        {"name": "second", "hosts": ["second.example.com"], "issuer": "lab", "routes": [{"service": "web.default", "port": 3000}]}
    ],
}
RESET = {"edge_reset_k3s": False}
CHARTS = ("istio-base", "istiod", "istio-ingress", "cert-manager")
NAMES = "k3s kubectl get gateways.networking.istio.io,virtualservices,certificates --all-namespaces --output name"


def reset(**variables):
    """Remove the second installation from the cluster, which stays."""
    return runs.run(SECOND | RESET | variables, "--diff", playbook=runs.ROOT / "playbooks/reset.yml")


@pytest.fixture
def first_served(host, address, site):
    """A function that says whether the first installation serves as before."""

    def served():
        releases = host.check_output("k3s kubectl get secrets --all-namespaces --selector owner=helm --output name")
        assert [chart for chart in CHARTS if f".{chart}." not in releases] == []
        return visits.status_of(address, site)[0] == 200

    return served


@pytest.fixture(scope="module")
def second():
    """The second installation beside the first."""
    result = runs.run(SECOND)
    assert result.status == 0, result.failures


def test_both_are_served(second, first_served, address):
    assert first_served()
    assert visits.status_of(address, SECOND["edge_sites"][0])[0] == 200


def test_another_run_of_the_first_changes_nothing(second, first_served, address):
    result = runs.run({})
    assert (result.status, result.changed) == (0, 0), result.output[-4000:]
    assert first_served()
    assert visits.status_of(address, SECOND["edge_sites"][0])[0] == 200


@pytest.mark.parametrize("removal", [{"istio_remove_crds": True}, {"cert_manager_remove_crds": True}])
def test_definitions_with_objects_of_the_first_are_refused(second, first_served, host, removal):
    before = host.check_output("k3s kubectl get customresourcedefinitions --output name")
    result = reset(**removal)
    assert result.status != 0, "the run succeeded"
    (failure,) = result.failures
    assert failure.message.startswith("Nothing is deleted: ")
    assert "/app" in failure.message
    assert host.check_output("k3s kubectl get customresourcedefinitions --output name") == before
    assert first_served()


def test_a_reset_of_the_second_leaves_the_first(second, first_served, host, address):
    result = reset()
    assert (result.status, result.failures) == (0, [])
    assert "sites or ways out of other installations in the namespaces istio-ingress need them" in result.output
    assert first_served()
    assert [name for name in host.check_output(NAMES).split() if "second" in name] == []
    with pytest.raises((ConnectionError, ssl.SSLError)):
        visits.status_of(address, SECOND["edge_sites"][0])


def test_another_reset_changes_nothing(second, first_served):
    result = reset()
    assert (result.status, result.changed) == (0, 0), result.output[-4000:]
    assert first_served()


def test_the_first_has_nothing_to_mend(second, first_served):
    result = runs.run({})
    assert (result.status, result.changed) == (0, 0), result.output[-4000:]
    assert first_served()
