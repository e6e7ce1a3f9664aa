# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When cert-manager renews by itself: as an authority says, where it says so, and in hours that a site names.

The Pebble of the lab is of Debian and does not say when, as not all authorities do.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
import runs
from test_renewed import Cluster

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module")
def variables(host, site):
    example = runs.example("certificates/renewal")
    (nightly,) = example["edge_sites"]
    runs.lab("dns", "set", nightly["hosts"][0], host.backend.get_variables()["ansible_host"])
    return {**example, "edge_sites": [site, nightly], "nightly_issuer": "lab"}


@pytest.fixture(scope="module")
def cluster(host, site, variables):
    found = runs.run(variables)
    assert (found.status, found.failures) == (0, []), found.output[-4000:]
    yield Cluster(host)
    last = runs.run({"edge_sites": [site], "certificate_prune_secrets": True})
    assert last.status == 0, last.output[-4000:]


def moment(text):
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_cert_manager_asks_the_authority(host, cluster):
    controller = "k3s kubectl get deployment cert-manager --namespace cert-manager --output jsonpath='{..args}'"
    assert "--feature-gates=ACMEUseARI=true" in host.check_output(controller)


def test_where_the_authority_says_nothing_two_thirds_of_the_lifetime_count(cluster, site):
    status = cluster.get("certificate", site["name"])["status"]
    begin, end, renewed = (moment(status[key]) for key in ("notBefore", "notAfter", "renewalTime"))
    assert abs(renewed - begin - (end - begin) * 2 / 3) < dt.timedelta(seconds=2)


def test_a_site_says_in_which_hours(cluster):
    renewed = moment(cluster.get("certificate", "nightly")["status"]["renewalTime"]).astimezone(zoneinfo.ZoneInfo("Europe/Berlin"))
    assert renewed.strftime("%a") in ("Sat", "Sun")
    opened = renewed.replace(hour=2, minute=0, second=0)
    assert opened <= renewed <= opened + dt.timedelta(hours=4)


def test_a_second_run_changes_nothing(cluster, variables):
    again = runs.run(variables)
    assert (again.status, again.failures, again.changed) == (0, [], 0)
