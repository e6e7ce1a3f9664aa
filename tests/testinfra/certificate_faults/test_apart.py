# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two of four sites cannot get a certificate: the others are served, and the run ends red with both causes.

In order: the run with both obstacles, and one without them.
"""

from __future__ import annotations

import ssl

import pytest
import runs
import test_swallowed as swallowed
import visits

NEW, ORPHAN, LATE = (
    {"name": name, "hosts": [f"{name}.example.com"], "issuer": issuer, "routes": [{"service": "web.default", "port": 3000}]}
    for name, issuer in (("new", "lab"), ("orphan", "no-key"), ("late", "lab"))
)
NO_LATE = swallowed.policy(
    "no-late", "istio-ingress", "DENY", {"to": [{"operation": {"hosts": LATE["hosts"], "paths": ["/.well-known/*"]}}]}
)


def tried(issuers):
    """The issuers, of which the lab's authority has a staging directory. It is that of production by another name."""
    return [{**issuer, **({"staging": f"{issuer['server']}?staging"} if issuer["name"] == "lab" else {})} for issuer in issuers]


def serve(lab_issuers, site, *others):
    issuer = {"name": "no-key", "type": "ca", "secret": "no-such-secret"}
    variables = {"edge_sites": [ORPHAN, LATE, site, *others], "cert_manager_issuers": [*tried(lab_issuers), issuer]}
    return runs.run({**variables, "certificate_wait_timeout": 40})


@pytest.fixture(scope="module")
def lab_issuers(host):
    """The issuers that the inventory of the lab defines."""
    return host.ansible.get_variables()["cert_manager_issuers"]


@pytest.fixture(scope="module")
def apart(cluster, lab_issuers, site):
    """The run in which two sites have no certificate."""
    for name in (NEW, ORPHAN, LATE):
        cluster.kubectl(
            "delete", "gateways.networking.istio.io,certificate,secret", name["name"], "--ignore-not-found", namespace="istio-ingress"
        )
    with swallowed.standing(cluster, NO_LATE, "403"):
        return serve(lab_issuers, site, NEW)


def test_the_run_ends_red_with_both_causes(apart):
    assert apart.status != 0
    (failure,) = apart.failures
    assert failure.task.endswith("Show the summary")
    first, second = failure.message.splitlines()[:2]
    assert first.startswith("orphan: "), failure.message
    assert "no-such-secret" in first
    assert second.startswith("late: late.example.com at "), failure.message
    assert "AuthorizationPolicy istio-ingress/no-late" in second


@pytest.mark.parametrize("name", ["app", "new"])
def test_the_others_are_served(apart, cluster, site, name):
    assert visits.status_of(cluster.address, {"app": site, "new": NEW}[name])[0] == 200


@pytest.mark.parametrize("left", [ORPHAN, LATE], ids=lambda each: each["name"])
def test_those_without_certificate_are_not_opened(apart, cluster, left):
    with pytest.raises((ConnectionError, ssl.SSLError)):
        visits.status_of(cluster.address, left)


def test_nothing_was_ordered_for_a_challenge_that_does_not_arrive(apart, cluster):
    assert cluster.kubectl("get", "orders,certificates", "--output", "name", namespace="istio-ingress").count("late") == 0


def test_the_new_one_was_tried_at_staging_and_nothing_of_that_is_left(apart, cluster):
    events = cluster.kubectl("get", "events", "--field-selector", "involvedObject.kind=Certificate", namespace="istio-ingress")
    assert "new.staging" in events
    assert "app.staging" not in events
    assert ".staging" not in cluster.kubectl("get", "certificates,secrets", "--output", "name", namespace="istio-ingress")


@pytest.mark.matrix
def test_what_staging_refuses_is_not_ordered(apart, cluster, lab_issuers, site):
    """Without the probe that finds it earlier, the order at staging runs into the policy."""
    variables = {"edge_sites": [LATE, site, NEW], "cert_manager_issuers": tried(lab_issuers), "certificate_http01_preflight": False}
    with swallowed.standing(cluster, NO_LATE, "403"):
        found = runs.run({**variables, "certificate_wait_timeout": 40})
    assert found.status != 0
    (failure,) = found.failures
    assert failure.message.startswith("late: Staging: Challenge late.example.com: "), failure.message
    assert "late" not in cluster.kubectl("get", "certificates,orders", "--output", "name", namespace="istio-ingress")


@pytest.mark.matrix
def test_without_the_obstacles_all_are_served(apart, cluster, lab_issuers, site):
    again = runs.run({"edge_sites": [LATE, site, NEW]})
    assert again.status == 0, again.failures
    for each in (LATE, site, NEW):
        assert visits.status_of(cluster.address, each)[0] == 200
