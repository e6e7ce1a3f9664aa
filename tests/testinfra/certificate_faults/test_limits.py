# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that stop before an authority with a rate limit does. Pebble has none; what is known of it says otherwise. In order."""

from __future__ import annotations

import json

import pytest
import runs
import visits

COUNTED = runs.example("certificates")["edge_sites"][0]
NS = "istio-ingress"
LIMIT = "issuer 'limited' limits certificates for the same names (counted.example.com) to 2 in 2 h; "
COUNT = "this cluster, with this run, has had 2, and the next is possible at 20"


@pytest.fixture(scope="module")
def limited(cluster, host, site, lab_issuer):
    """The variables of the documentation: two certificates for the same names, and one more each hour."""
    example, acme = runs.example("certificates"), lab_issuer["spec"]["acme"]
    issuers = [*host.ansible.get_variables()["cert_manager_issuers"], *example["cert_manager_issuers"]]
    known = {"limited_directory": acme["server"], "limited_ca_bundle": acme["caBundle"]}
    yield {"edge_sites": [site, COUNTED], "cert_manager_issuers": issuers, **known}
    last = runs.run({"edge_sites": [site], "certificate_prune_secrets": True})
    leavings = ("configmap/edge-orders", "clusterissuer/limited", "secret/limited-account-key")
    for name in leavings:
        cluster.kubectl("delete", name, "--ignore-not-found", namespace="cert-manager" if "secret" in name else NS)
    assert last.status == 0, last.failures


@pytest.fixture(scope="module")
def ordered(limited):
    """The first order."""
    return runs.run(limited)


def noted(cluster):
    return [
        entry["state"]
        for entry in json.loads(cluster.get("configmap", "edge-orders", namespace=NS)["data"]["orders"])
        if entry["names"] == COUNTED["hosts"]
    ]


def revision(cluster):
    return cluster.get("certificate", "counted", namespace=NS)["status"]["revision"]


def test_what_a_run_orders_is_noted(ordered, cluster):
    assert ordered.status == 0, ordered.failures
    assert noted(cluster) == ["issued"]


@pytest.mark.matrix
def test_a_second_run_changes_nothing(ordered, limited):
    again = runs.run(limited)
    assert (again.status, again.changed) == (0, 0), again.output[-4000:]


def test_one_renewal_is_possible_and_noted(ordered, limited, cluster):
    run = runs.run({**limited, "renewal_names": "counted"}, playbook="baremesh.edge.renew")
    assert run.status == 0, run.failures
    assert (noted(cluster), revision(cluster)) == (["issued", "issued"], 2)


def test_the_next_one_is_not_ordered(ordered, limited, cluster):
    run = runs.run({**limited, "renewal_names": "counted"}, playbook="baremesh.edge.renew")
    (failure,) = run.failures
    assert failure.message.startswith(f"counted: {LIMIT}{COUNT}"), failure.message
    assert (run.changed, revision(cluster)) == (0, 2)


@pytest.mark.matrix
def test_the_preflight_finds_it_in_a_certificate_that_is_gone(ordered, limited, cluster):
    """With the Certificate cert-manager has forgotten its orders."""
    cluster.kubectl("delete", "certificate,secret", "counted", namespace=NS)
    run = runs.run(limited, playbook="baremesh.edge.preflight")
    (failure,) = run.failures
    assert LIMIT + COUNT in failure.message


@pytest.mark.matrix
def test_the_other_sites_are_served_and_the_run_ends_red(ordered, limited, cluster, site):
    run = runs.run(limited)
    assert run.status != 0
    (failure,) = run.failures
    assert failure.task.endswith("Show the summary")
    assert failure.message.startswith(f"counted: {LIMIT}{COUNT}"), failure.message
    assert visits.status_of(cluster.address, site)[0] == 200
    assert cluster.kubectl("get", "orders,certificates", "--output", "name", namespace=NS).count("counted") == 0


@pytest.mark.matrix
def test_without_the_limit_it_is_ordered(ordered, limited, cluster):
    issuers = [{key: value for key, value in each.items() if key != "rate_limits"} for each in limited["cert_manager_issuers"]]
    run = runs.run({**limited, "cert_manager_issuers": issuers})
    assert run.status == 0, run.failures
    assert visits.status_of(cluster.address, COUNTED)[0] == 200
