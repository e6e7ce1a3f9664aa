# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cell for each event, backend and address family: the port answers again, from outside and from the host itself.

How long it was away is printed and not asserted: what kube-proxy loses in a flush it restores at its own pace.
"""

from __future__ import annotations

import contextlib

import events
import pytest

#: Two ways of the backend nftables at once; the load balancer's address needs no rules of the role and is there in both rounds.
ROUNDS = {
    "nftables": {"host_ports_ports": [{"port": 80, "node_port": 30080}, {"port": 82, "target_port": 18080}]},
    "iptables": {"host_ports_backend": "iptables", "host_ports_ports": [{"port": 80, "target_port": 18080}]},
}
WAYS = {
    "nftables": ("nftables", 80),
    "nftables to a program of the host": ("nftables", 82),
    "loadbalancer": ("nftables", 81),
    "iptables": ("iptables", 80),
}
#: The worst of each kind, for the backend that is the default: rules lost, a firewall that makes its own anew, everything lost.
WORST = {"nft flush ruleset", "firewall-cmd --reload", "reboot"}
FIREWALLS = {"firewalld": ("systemctl start firewalld", "systemctl stop firewalld"), "ufw": ("ufw --force enable", "ufw disable")}
#: The settings of each firewall, apart from what it makes of them; in it is all that the role may open and has to take back.
SETTINGS = {"firewalld": "firewall-cmd --list-all; firewall-cmd --list-all --permanent", "ufw": "ufw show added"}


def marks(backend, event):
    """Return the marks of a cell: all but the worst are for `make test-all`."""
    return () if backend == "nftables" and event in WORST else (pytest.mark.matrix,)


def cells():
    """Return all cells in the order in which the events happen."""
    return [
        pytest.param(way, event, family, id=f"{event} | {way} | {family}", marks=marks(backend, event))
        for backend in ROUNDS
        for event in events.EVENTS
        for way, (needed, _port) in WAYS.items()
        if needed == backend
        for family in ("IPv4", "IPv6")
    ]


class Survival:
    """Lets each event happen once for a backend, when its first cell is asked for."""

    def __init__(self, edge):
        self.edge = edge
        self.backend = ""
        self.seen = {}

    @contextlib.contextmanager
    def firewall(self, name, backend):
        """Have a firewall active, with the ports opened by the role, and nothing of the role's left in it."""
        start, stop = FIREWALLS[name]
        self.edge.shell(start)
        before = self.edge.shell(SETTINGS[name])
        try:
            self.edge.role(ROUNDS[backend])
            assert self.edge.shell(SETTINGS[name]) != before, f"the role opened nothing in {name}"
            yield
            self.edge.role(ROUNDS[backend] | {"host_ports_firewall": False, "host_ports_verify": False})
            assert self.edge.shell(SETTINGS[name]) == before
        finally:
            self.edge.shell(stop)

    def after(self, backend, event):
        """Return what became of the ports after an event."""
        if self.backend != backend:
            self.edge.role(ROUNDS[backend])
            self.backend = backend
        if (backend, event) not in self.seen:
            ports = [port for needed, port in WAYS.values() if needed == backend]
            around = self.firewall(events.RELOADS[event], backend) if event in events.RELOADS else contextlib.nullcontext()
            with around:
                self.seen[backend, event] = events.watch(self.edge, event, ports)
        return self.seen[backend, event]


@pytest.fixture(scope="module")
def survival(edge):
    return Survival(edge)


@pytest.mark.parametrize(("way", "event", "family"), cells())
def test_survives(survival, capsys, way, event, family):
    backend, port = WAYS[way]
    away = survival.after(backend, event)[port, family]
    with capsys.disabled():
        print(f" away {away.seconds:4.1f} s", end="")
    assert away.back, f"port {port} does not answer at {survival.edge.addresses[family]} within {events.LIMIT} s after: {event}"
    assert away.from_host, (
        f"port {port} at {survival.edge.addresses[family]} does not answer the host itself within {events.LIMIT} s after: {event}"
    )


TRACES = {"nftables": {"table inet baremesh_host_ports", "host_ports.nft"}, "iptables": {":BAREMESH-PORTS-IN", "host_ports.iptables"}}
BALANCED = {"host_ports_backend": "loadbalancer", "host_ports_ports": [{"port": 81, "node_port": 30081}]}


def traces(edge):
    """Return of which backends there is something on the host."""
    seen = edge.shell("iptables-save -t nat; ip6tables-save -t nat; nft list tables; ls /etc/baremesh 2>/dev/null; true")
    return {backend for backend, marks in TRACES.items() if any(mark in seen for mark in marks)}


@pytest.mark.matrix
def test_a_change_of_backend_leaves_nothing_of_the_one_before(survival):
    """In every direction; each run proves its ports by connections itself."""
    choices = ROUNDS | {"loadbalancer": BALANCED}
    survival.edge.role(choices["iptables"])
    for backend in ("nftables", "loadbalancer", "iptables", "loadbalancer", "nftables", "iptables"):
        survival.edge.role(choices[backend])
        assert traces(survival.edge) == {backend} - {"loadbalancer"}, backend


def test_a_second_run_changes_nothing(survival):
    survival.edge.role(ROUNDS["iptables"])
    assert "changed=0" in survival.edge.role(ROUNDS["iptables"])


def test_a_redirect_to_a_node_port_is_refused_before_anything_changes(survival):
    """By what the user wrote, and by kube-proxy's live rules."""
    for target in ("node_port", "target_port"):
        variables = {"host_ports_backend": "iptables", "host_ports_ports": [{"port": 80, target: 30080}]}
        status, output = survival.edge.play(survival.edge.PLAYBOOK, variables)
        assert status != 0
        assert "a redirect cannot reach a NodePort" in " ".join(output.split())
        assert "changed=0" in output


def test_a_port_that_kubernetes_serves_is_refused_with_the_name_of_the_service(survival):
    variables = {"host_ports_ports": [{"port": 81, "node_port": 30080}]}
    status, output = survival.edge.play(survival.edge.PLAYBOOK, variables)
    assert status != 0
    assert "port 81 is served by Service default/balanced (loadbalancer IP" in " ".join(output.split())
    assert "changed=0" in output


def test_the_host_port_of_a_pod_is_recognised(survival):
    """K3s's ServiceLB makes such pods. Their rules do not come back after a flush until the pod is made anew."""
    survival.edge.shell("k3s kubectl rollout restart daemonset/behind && k3s kubectl rollout status --timeout=120s daemonset/behind")
    variables = {"host_ports_ports": [{"port": 83, "node_port": 30080}]}
    status, output = survival.edge.play(survival.edge.PLAYBOOK, variables)
    assert status != 0
    assert "port 83 is served by the hostPort of a pod at 10.42." in " ".join(output.split())
    assert "changed=0" in output
    output = survival.edge.role(variables | {"host_ports_backend": "auto"})
    assert "backend loadbalancer, because" in " ".join(output.split())
    assert traces(survival.edge) == set()


def test_auto_leaves_to_kubernetes_what_it_serves(survival):
    output = survival.edge.role(BALANCED | {"host_ports_backend": "auto"}, "--check")
    assert "backend loadbalancer, because" in " ".join(output.split())
    output = survival.edge.role(ROUNDS["nftables"] | {"host_ports_backend": "auto"}, "--check")
    assert "backend nftables, because nothing of Kubernetes serves port 80, 82" in " ".join(output.split())


def test_removal_leaves_nothing(survival):
    """Rules, files, units and openings, of any backend."""
    survival.edge.remove()
    left = survival.edge.shell(
        "iptables-save; ip6tables-save; nft list ruleset; ls /etc/baremesh /usr/local/libexec /etc/systemd/system 2>/dev/null; true"
    )
    assert [line for line in left.splitlines() if "baremesh" in line.lower()] == []
