# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose only way out is a proxy that wants a password: edge_environment is all that a run needs, and nothing tries another way.

In order, on one lab: the host before a run, the run, what went through the proxy and what tried to get past it, a second run.
"""

from __future__ import annotations

import json

import machines
import pytest
import runs
import visits

pytestmark = pytest.mark.matrix

PORT = 3128
PASSWORD = "hush-proxy"
TINYPROXY = f"""
User tinyproxy
Group tinyproxy
Port {PORT}
Timeout 600
LogFile "/var/log/tinyproxy/tinyproxy.log"
LogLevel Info
MaxClients 100
BasicAuth edge {PASSWORD}
"""
# New connections of the host and of its pods leave to the proxy and to the name server. Others are refused, counted and remembered.
FENCE = """
table inet fence {{
  counter past {{ }}
  set places {{ type ipv4_addr . inet_service; flags dynamic; }}
  chain out {{
    oifname != eth0 accept
    ct state established,related accept
    ip daddr {proxy} th dport {{ 53, {port} }} accept
    meta l4proto {{ tcp, udp }} add @places {{ ip daddr . th dport }}
    meta l4proto {{ tcp, udp }} counter name past reject
  }}
  chain output {{ type filter hook output priority filter - 5; jump out; }}
  chain forward {{ type filter hook forward priority filter - 5; jump out; }}
}}
"""
TAKEN = ("/k3s/", "/helm/", "/charts/istio/", "/charts/jetstack/", "/images/", "/debian/")


class Fenced:
    """A host behind a fence, and the proxy."""

    def __init__(self, lab):
        self.inventory = runs.lab("inventory", "--name", lab).strip()
        self.server, self.proxy = machines.Machine(lab, "server1"), machines.Machine(lab, "infra")
        self.url = f"http://edge:{PASSWORD}@{self.proxy.address}:{PORT}"

    def run(self):
        """Run with the proxy for the hosts, and for the pods of cert-manager, which order certificates."""
        values = {"https_proxy": self.url, "no_proxy": "10.42.0.0/16,10.43.0.0/16,.svc,.cluster.local"}
        environment = {"HTTP_PROXY": self.url, "https_proxy": self.url}
        # A gateway that starts asks the metadata services of clouds where it is, past every proxy.
        gateways = {"env": {"CLOUD_PLATFORM": "none"}}
        variables = {"edge_environment": environment, "k3s_environment": environment, "cert_manager_values": values}
        variables["istio_gateway_values"] = gateways
        return runs.run(variables, inventory=self.inventory)

    def past(self):
        """Return how many packets tried to get past the proxy, and where to."""
        listed = json.loads(self.server.shell("nft --json list table inet fence"))["nftables"]
        (packets,) = [entry["counter"]["packets"] for entry in listed if "counter" in entry]
        (places,) = [entry["set"].get("elem", []) for entry in listed if "set" in entry]
        return packets, places


@pytest.fixture(scope="module")
def fenced(request):
    """A host behind a fence, and a proxy before it."""
    with runs.own_lab(request, "p") as name:
        made = Fenced(name)
        for path in ("/etc/apt/apt.conf.d/90machine", "/etc/ssl/certs/ca-certificates.crt"):
            status, text = made.server.status(f"cat {path}")
            if status == 0:
                made.proxy.write(path, text)
        made.proxy.shell("apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends tinyproxy-bin")
        made.proxy.write("/etc/tinyproxy/tinyproxy.conf", TINYPROXY)
        made.proxy.shell(
            "useradd --system tinyproxy; install -d -o tinyproxy /var/log/tinyproxy"
            " && systemd-run --quiet --unit tinyproxy tinyproxy -d -c /etc/tinyproxy/tinyproxy.conf"
        )
        made.server.shell("nft -f -", FENCE.format(proxy=made.proxy.address, port=PORT))
        yield made


def test_the_fence_is_closed(fenced):
    assert fenced.server.reaches(fenced.proxy.address, PORT)
    for port in (80, 14000):
        assert not fenced.server.reaches(fenced.proxy.address, port)
    assert fenced.past()[0] >= 2
    fenced.server.shell("nft reset counters table inet fence && nft flush set inet fence places")
    assert fenced.past() == (0, [])


@pytest.fixture(scope="module")
def served(fenced):
    """The host after a run."""
    result = fenced.run()
    assert result.status == 0, result.failures
    assert PASSWORD not in result.output
    return fenced


def test_the_site_is_served(served, site):
    for route in site["routes"]:
        assert visits.status_of(served.server.address, site, route["prefix"])[0] == 200


def test_everything_went_through_the_proxy(served):
    log = served.proxy.shell("cat /var/log/tinyproxy/tinyproxy.log")
    assert [part for part in TAKEN if part not in log] == []
    assert f"CONNECT {served.proxy.address}:14000" in log
    assert served.past() == (0, [])


def test_a_second_run_changes_nothing(served):
    result = served.run()
    assert (result.status, result.changed) == (0, 0), result.failures
    assert served.past() == (0, [])
