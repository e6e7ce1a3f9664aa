# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raising labs and taking them away."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import dns, hosts, image, infra, inventory, machine, network, podman, ssh, state, zones
from .errors import LabError
from .run import require
from .state import Lab

T = TypeVar("T")
R = TypeVar("R")


def say(text: str) -> None:
    """Progress goes to stderr; stdout belongs to what was asked for."""
    # One write a line: several hosts report at a time.
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _each(action: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Run one action for several items at a time; the first error ends it."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(action, items))


@dataclass(frozen=True)
class Plan:
    """What `up` brings about, beside what is there; made before anything changes."""

    lab: Lab
    #: The release mirror to serve from now on; without one the lab goes on with what it has.
    mirror: Path | None
    recipes: tuple[image.Recipe, ...]
    #: Containers that the lab goes on with, by host.
    kept: Mapping[str, podman.Container]
    #: Names of containers of hosts that the lab no longer has.
    surplus: tuple[str, ...]

    @classmethod
    def make(cls, lab: Lab, mirror: Path | None) -> Plan:
        """Compare a lab as it is to be with its containers."""
        there = podman.containers(lab.name)
        names = {lab.container(host) for host in ("infra", *lab.hosts)}
        return cls(
            lab=lab,
            mirror=mirror,
            recipes=(image.host_recipe(lab.suite), image.infra_recipe()),
            kept={container.host: container for container in there if container.name in names},
            surplus=tuple(container.name for container in there if container.name not in names),
        )

    def specs(self) -> tuple[hosts.Spec, list[hosts.Spec]]:
        """Containers to run: that of infra, and those of the bare hosts. Keys and certificates must be there."""
        client = machine.client_files()
        return infra.spec(self.lab), [bare_host(self.lab, host, client) for host in self.lab.hosts]


def desired(name: str, suite: str | None, servers: int | None, agents: int | None) -> Lab:
    """The lab as it is to be: what there is, changed by what the options say.

    Raises LabError when that cannot be done without removing the lab first.
    """
    have = state.load(name)
    if have is None:
        state.check_counts(servers or 1, agents or 0)
        fresh = Lab(name, suite or image.SUITES[0], 1, 0, network.choose(name, network.taken()))
        return fresh.scaled(servers, agents)
    if suite is not None and suite != have.suite:
        raise LabError(
            f"--suite {suite}: lab {name!r} stands on {have.suite}; run `lab/lab down --name {name}` first, or take another --name"
        )
    return have.scaled(servers, agents)


def up(name: str, suite: str | None, servers: int | None, agents: int | None, mirror: Path | None) -> Lab:
    """Raise a lab, or bring what there is of it back; what runs is left alone."""
    require("ip", "nft", "openssl", "podman", "runc", "ssh", "ssh-keygen")
    state.check_name(name)
    with state.locked(name):
        begun = time.monotonic()
        _clear(name)
        plan = Plan.make(desired(name, suite, servers, agents), mirror)
        _prepare(plan)
        _raise_hosts(plan)
        inventory.write_all(plan.lab)
        say(f"lab {name} is up ({time.monotonic() - begun:.1f} s)")
    return plan.lab


def _clear(name: str) -> None:
    """Remove what would hide the state of things from a plan."""
    if podman.forget_other_boot():
        say("podman's records were of an earlier boot and were cleared")
    if state.load(name) is None and _remove_podman_side(name):
        say(f"removed what an earlier lab {name} had left; its keys were gone")


def _prepare(plan: Plan) -> None:
    """Bring about everything that hosts need: images, the machine's limits, network, keys and certificates."""
    lab = plan.lab
    _each(_image, plan.recipes)
    changed = machine.raise_inotify_limit()
    if changed:
        say(changed)
    lab.save()
    if network.ensure(lab.network, lab.name, lab.subnets):
        say(f"network {lab.network}: {lab.subnets.v4}, {lab.subnets.v6}")
    ssh.keygen(ssh.user_key(lab), f"edge-lab-{lab.name}")
    for host in lab.hosts:
        ssh.keygen(ssh.host_key(lab, host), host)
    ssh.write_known_hosts(lab)
    infra.make_certificates(lab)
    if plan.mirror is not None:
        infra.serve(lab, plan.mirror)


def _image(recipe: image.Recipe) -> None:
    begun = time.monotonic()
    done = image.ensure(recipe, say)
    if done != "present":
        say(f"{recipe.kind} image ({recipe.suite}): {done} in {time.monotonic() - begun:.0f} s")


def bare_host(lab: Lab, host: str, client: Mapping[str, bytes]) -> hosts.Spec:
    """The container of a bare host, with the machine's client settings in it."""
    return hosts.Spec(
        lab=lab.name,
        host=host,
        container=lab.container(host),
        image=image.host_recipe(lab.suite).reference,
        network=lab.network,
        addresses=lab.subnets.addresses(host),
        dns=(lab.address("infra"),),
        systemd_cmdline=hosts.systemd_cmdline(lab.suite),
        files={**client, **ssh.host_files(lab, host), "/etc/hosts": hosts.etc_hosts(host)},
        # An overlay filesystem cannot lie on another one: containerd needs a real one under K3s's folder.
        volumes=("/var/lib/rancher",),
    )


def _raise_hosts(plan: Plan) -> None:
    """Remove hosts that the lab no longer has, and start all others, several at a time."""
    lab = plan.lab
    if plan.surplus:
        say(f"removing {', '.join(plan.surplus)}, which lab {lab.name} no longer has")
        podman.remove(plan.surplus)

    def finish(host: str, done: str) -> None:
        if host == "infra":
            _finish_infra(lab, done)
        else:
            _finish_bare(lab, host, done)
        say(f"{host:9} {lab.address(host):15} {done}")

    def raise_bare(spec: hosts.Spec) -> None:
        finish(spec.host, hosts.ensure(spec, plan.kept.get(spec.host)))

    first, others = plan.specs()
    done = hosts.ensure(first, plan.kept.get("infra"), infra.links())
    # The first host that runs makes the bridge.
    network.pin_bridge(lab.network, lab.subnets)
    _each(raise_bare, others)
    finish("infra", done)


def _finish_bare(lab: Lab, host: str, done: str) -> None:
    """Wait until a bare host can be reached."""
    if done != "kept":
        hosts.wait_booted(lab.container(host))
    hosts.wait_port(lab.address(host), 22, f"sshd of {host}")


def _finish_infra(lab: Lab, done: str) -> None:
    """Wait for the services of infra, and give them what they hold in memory or by a link."""
    address = lab.address("infra")
    for port, service in (
        (infra.ACME_PORT, "the ACME authority"),
        (infra.NAMES_PORT, "the DNS of set names"),
        (53, "the resolver"),
        (infra.MIRROR_PORT, "the release mirror"),
    ):
        hosts.wait_port(address, port, service)
    hosts.wait_port(zones.address(lab, "resolver"), 53, "the DNS of delegated zones")
    infra.link_mirror(lab)
    # challtestsrv keeps names in memory; after a start it knows none.
    dns.apply(lab, dns.records(lab) if done != "kept" else {})


def down(name: str) -> bool:
    """Remove everything that `up` made. Returns whether there was anything."""
    state.check_name(name)
    with state.locked(name):
        podman.forget_other_boot()
        removed = _remove_podman_side(name)
        known = state.folder(name).is_dir()
        state.forget(name)
    return removed or known


def _remove_podman_side(name: str) -> bool:
    """Remove containers and network of a lab. Returns whether there were any."""
    there = podman.containers(name)
    for container in there:
        podman.admit_death(container)
    podman.remove(container.name for container in there)
    network_name = state.network_name(name)
    stale = any(net["name"] == network_name for net in podman.networks())
    if stale:
        podman.podman("network", "rm", "--force", network_name)
        network.remove_rules(network_name)
    return bool(there) or stale


def all_names() -> list[str]:
    """Labs that have a folder, a container or a network."""
    found = set(state.names()) | {container.lab for container in podman.containers()}
    found |= {net["labels"][podman.LABEL] for net in podman.networks() if podman.LABEL in (net.get("labels") or {})}
    return sorted(found)


def running_host(lab: Lab, host: str) -> str:
    """Container name of a host that runs.

    Raises LabError when the lab has no such host, or it does not run.
    """
    names = ["infra", *lab.hosts]
    if host not in names:
        raise LabError(f"host {host!r}: lab {lab.name} has {', '.join(names)}")
    for container in podman.containers(lab.name):
        if container.host == host:
            if container.running:
                return container.name
            raise LabError(f"{host} of lab {lab.name} is {container.state}; `lab/lab up --name {lab.name}` starts it")
    raise LabError(f"{host} of lab {lab.name} is gone; `lab/lab up --name {lab.name}` makes it again")


def restart(lab: Lab, host: str) -> None:
    """Reboot a host: everything in memory is gone, address and disks stay. Returns when SSH answers."""
    name = running_host(lab, host)
    podman.podman("restart", "--time", "30", name)
    if host == "infra":
        _finish_infra(lab, "started")
    else:
        _finish_bare(lab, host, "started")


def stop(lab: Lab, host: str) -> None:
    """Power a host off; it stays off until `up` or a restart."""
    podman.podman("stop", "--time", "30", running_host(lab, host))
