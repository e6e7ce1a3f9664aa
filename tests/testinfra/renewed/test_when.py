# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When cert-manager renews by itself: the authority says when, and a site may say in which hours of the week."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
import runs
from test_renewed import NAMESPACE, Cluster

pytestmark = pytest.mark.matrix

SUGGESTED = "{.status.acme.ari.suggestedWindow.start}"


@pytest.fixture(scope="module")
def variables(host, site):
    example = runs.example("certificates/renewal")
    (nightly,) = example["edge_sites"]
    runs.lab("dns", "set", nightly["hosts"][0], host.backend.get_variables()["ansible_host"])
    return {**example, "edge_sites": [site, nightly], "nightly_issuer": "lab"}


@pytest.fixture(scope="module")
def cluster(host, site, variables):
    """The cluster, once the authority has been asked about both certificates."""
    found = runs.run(variables)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    for name in (site["name"], "nightly"):
        host.check_output(f"k3s kubectl wait --namespace {NAMESPACE} --timeout 60s --for jsonpath='{SUGGESTED}' certificate/{name}")
    yield Cluster(host)
    last = runs.run({"edge_sites": [site], "certificate_prune_secrets": True})
    assert last.status == 0, last.output[-4000:]


def moment(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_certificate_is_renewed_when_its_authority_says(cluster, site):
    status = cluster.get("certificate", site["name"])["status"]
    window = status["acme"]["ari"]["suggestedWindow"]
    assert moment(window["start"]) <= moment(status["renewalTime"]) <= moment(window["end"])


def test_a_site_says_in_which_hours(cluster):
    renewed = moment(cluster.get("certificate", "nightly")["status"]["renewalTime"]).astimezone(zoneinfo.ZoneInfo("Europe/Berlin"))
    assert renewed.strftime("%a") in ("Sat", "Sun")
    opened = renewed.replace(hour=2, minute=0, second=0)
    assert opened <= renewed <= opened + dt.timedelta(hours=4)


def test_a_second_run_changes_nothing(cluster, variables):
    again = runs.run(variables)
    assert (again.status, again.failures, again.changed) == (0, [], 0)
