# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who serves a port of the host already: programs that listen on it, and Kubernetes or others by NAT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners, model, nat, proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.host import Host


def find(host: Host, desired: model.HostPorts) -> tuple[list[str], list[int]]:
    """Return who else serves a host port, in words, and the ports that Kubernetes serves by itself."""
    ports = [entry.port for entry in desired.ports]
    claims = nat.claims(host.nat_rules(), ports, [*listeners.all_addresses(), *proof.LOOPBACK], host.ruleset())
    named = [*map(str, listeners.holders(ports)), *map(str, claims)]
    return named, sorted({claim.port for claim in claims if claim.cluster})


def refuse(named: Sequence[str], prefix: str) -> None:
    """Refuse to take the connections of others away; ``prefix`` stands before the option in the message.

    Raises:
        HostPortsError: others serve a host port.
    """
    if named:
        raise model.HostPortsError(
            f"{'; '.join(named)}: the host ports would take its connections away, and with them maybe your way to the host."
            f" Let it use another port (or, once nothing needs it here, set {prefix}refuse_held_ports to false)"
        )
