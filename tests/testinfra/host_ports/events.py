# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a host, and how long its ports are away after it."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time

import runs

#: Without a failure for so long after the last one, an event is over.
SETTLED = 2.0
#: Far beyond what anything here takes.
LIMIT = 90.0

#: The lines of K3s's kill script that filter the rules, as K3s's documentation has them; the lab's stand-in for K3s brings no script.
KILLALL = "for t in iptables ip6tables; do $t-save | grep -v KUBE- | grep -v CNI- | grep -iv flannel | $t-restore; done"

#: On the host itself: how long a port does not answer, or nothing. A service manager calls K3s started before kube-proxy has looked at all.
FROM_HOST = f"""
import socket, sys, time
begin = time.monotonic()
while time.monotonic() - begin < {LIMIT}:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()
    except OSError:
        time.sleep(0.1)
    else:
        sys.exit(print(round(time.monotonic() - begin, 1)))
"""

#: In the order in which they happen. Firewalls come with a run of the role, which opens the ports in their terms.
PLAIN = {
    "nft flush ruleset": "nft flush ruleset",
    "nftables.service restart": "systemctl restart nftables && systemctl stop nftables",
    "K3s restart": "systemctl restart k3s",
    "container runtime restart": "kill $(pidof containerd)",
    "K3s's kill script (its rule filter)": KILLALL,
}
RELOADS = {"firewall-cmd --reload": "firewalld", "ufw reload": "ufw"}
EVENTS = [*PLAIN, *RELOADS, "reboot"]


@dataclasses.dataclass(frozen=True)
class Away:
    """How long a port was away after an event, and whether it came back."""

    seconds: float
    back: bool
    from_host: bool


def answers(address, port):
    """Return whether an HTTP server answers there within a second."""
    try:
        with socket.create_connection((address, port), timeout=1) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b" 200 " in client.recv(64)
    except OSError:
        return False


class Watch(threading.Thread):
    """Tries one port from before an event until it has answered for a while after it."""

    def __init__(self, address, port):
        super().__init__(daemon=True)
        self.address, self.port = address, port
        self.away, self.back = 0.0, False
        self._over = threading.Event()
        self._ended = 0.0

    def over(self):
        """Say that the event's command has ended."""
        self._ended = time.monotonic()
        self._over.set()

    def run(self):
        """Try, until it has settled or the limit is reached; what fails for less than a moment is not seen."""
        first = last = 0.0
        while not self._over.is_set() or time.monotonic() - self._ended < LIMIT:
            good = answers(self.address, self.port)
            now = time.monotonic()
            if not good:
                first, last = first or now, now
                self.away = last - first
            elif self._over.is_set() and now - max(last, self._ended) > SETTLED:
                self.back = True
                return
            # A pace, so that the host has processor time for its recovery.
            time.sleep(0.05)


def command_of(event):
    """Return the shell command that makes an event; the kernel's end of a host has none."""
    return {"firewalld": "firewall-cmd --reload", "ufw": "ufw reload"}[RELOADS[event]] if event in RELOADS else PLAIN[event]


def watch(edge, event, ports):
    """Let an event happen; what became of each port in each family."""
    watches = {(port, family): Watch(address, port) for port in ports for family, address in edge.addresses.items()}
    for started in watches.values():
        started.start()
    try:
        if event == "reboot":
            runs.lab("restart", "--name", edge.name, "server1")
        else:
            edge.shell(command_of(event))
    finally:
        for started in watches.values():
            started.over()
    found = {}
    for (port, family), started in watches.items():
        started.join()
        inside = edge.shell(f"python3 -c '{FROM_HOST}' {edge.addresses[family]} {port}", check=False).strip()
        found[port, family] = Away(max(started.away, float(inside or 0)), started.back, bool(inside))
    return found
