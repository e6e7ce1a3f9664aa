# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._report import phase_times, site_report

SITE = {"name": "app", "hosts": ["app.example.com"], "issuer": "letsencrypt"}
CERTIFICATE = {
    "name": "app",
    "ready": True,
    "cause": "",
    "serial": "a1",
    "not_after": "2027-02-19T08:00:00Z",
    "renewal_time": "2027-01-20T08:00:00Z",
}
POD = {"pod": "istio-ingress-1", "sni": "app.example.com", "serial": "a1"}
ENDPOINT = {"address": "192.0.2.1", "port": 443, "server_name": "app.example.com", "serial": "a1"}


def test_a_site_that_serves_its_secret_has_no_problem():
    result = site_report([SITE], [CERTIFICATE], [POD], [ENDPOINT])
    assert result["problems"] == []
    assert result["lines"][0] == "app: served: https://app.example.com/"
    assert "  not after     2027-02-19 08:00 UTC" in result["lines"]


@pytest.mark.parametrize(
    ("certificates", "pods", "endpoints", "problem"),
    [
        ([], [POD], [ENDPOINT], "app: its Certificate does not exist"),
        (
            [{"name": "app", "state": "Absent", "ready": False}],
            [POD],
            [ENDPOINT],
            "app: its Certificate does not exist",
        ),
        (
            [{**CERTIFICATE, "ready": False, "cause": "Order app-1 is invalid"}],
            [POD],
            [ENDPOINT],
            "app: Order app-1 is invalid",
        ),
        ([CERTIFICATE], [], [ENDPOINT], "app: no gateway pod answered"),
        (
            [CERTIFICATE],
            [{**POD, "serial": "b2"}],
            [ENDPOINT],
            "app: gateway pod istio-ingress-1 serves serial b2, the Secret holds a1",
        ),
        (
            [CERTIFICATE],
            [POD],
            [{**ENDPOINT, "serial": None, "error": "connection refused"}],
            "app: 192.0.2.1:443 serves no certificate (connection refused)",
        ),
        ([CERTIFICATE], [POD], [], "app: no host port was looked at"),
    ],
)
def test_what_is_not_proved_is_a_problem(certificates, pods, endpoints, problem):
    result = site_report([SITE], certificates, pods, endpoints)
    assert result["problems"] == [problem]
    assert result["lines"][0].startswith("app: NOT PROVED: ")
    assert f"  problem       {problem.removeprefix('app: ')}" in result["lines"]


def test_each_site_is_judged_by_its_own_host_names():
    other = {"name": "shop", "hosts": ["shop.example.com"], "issuer": "letsencrypt"}
    result = site_report([SITE, other], [CERTIFICATE, {**CERTIFICATE, "name": "shop"}], [POD], [ENDPOINT])
    assert result["problems"] == ["shop: no gateway pod answered", "shop: no host port was looked at"]


def test_a_phase_lasts_until_the_next_begins():
    marks = [{"phase": "preflight", "at": 100.0}, {"phase": "k3s", "at": 102.5}]
    assert phase_times(marks, 110.0) == ["preflight        2.5 s", "k3s              7.5 s", "all             10.0 s"]
    assert phase_times([], 1.0) == []
