# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raising labs and taking them away."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from . import dns, hosts, image, infra, inventory, machine, network, podman, ssh, state
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


def plan(name: str, suite: str | None, servers: int | None, agents: int | None) -> Lab:
    """The lab that is wanted: what there is, changed by what was said.

    Raises LabError when the wish cannot be met without taking hosts down first.
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
    require("ip", "openssl", "podman", "runc", "ssh", "ssh-keygen")
    state.check_name(name)
    with state.locked(name):
        begun = time.monotonic()
        if podman.forget_other_boot():
            say("podman's records were of an earlier boot and were cleared")
        if state.load(name) is None and _remove_podman_side(name):
            say(f"removed what an earlier lab {name} had left; its keys were gone")
        lab = plan(name, suite, servers, agents)
        _each(_image, [image.host_recipe(lab.suite), image.infra_recipe()])
        changed = machine.raise_inotify_limit()
        if changed:
            say(changed)
        lab.save()
        if network.ensure(lab.network, lab.name, lab.subnets):
            say(f"network {lab.network}: {lab.subnets.v4}, {lab.subnets.v6}")
        _prepare_files(lab)
        _drop_surplus(lab)
        if mirror is not None:
            infra.serve(lab, mirror)
        _raise_hosts(lab)
        inventory.write_all(lab)
        say(f"lab {lab.name} is up ({time.monotonic() - begun:.1f} s)")
    return lab


def _image(recipe: image.Recipe) -> None:
    begun = time.monotonic()
    done = image.ensure(recipe, say)
    if done != "present":
        say(f"{recipe.kind} image ({recipe.suite}): {done} in {time.monotonic() - begun:.0f} s")


def _prepare_files(lab: Lab) -> None:
    ssh.keygen(ssh.user_key(lab), f"edge-lab-{lab.name}")
    for host in lab.hosts:
        ssh.keygen(ssh.host_key(lab, host), host)
    ssh.write_known_hosts(lab)
    infra.make_certificates(lab)


def _drop_surplus(lab: Lab) -> None:
    wanted = {lab.container(host) for host in (*lab.hosts, "infra")}
    surplus = [container.name for container in podman.containers(lab.name) if container.name not in wanted]
    if surplus:
        say(f"removing {', '.join(surplus)}, which lab {lab.name} no longer has")
        podman.remove(surplus)


def _raise_hosts(lab: Lab) -> None:
    have = {container.name: container for container in podman.containers(lab.name)}
    client = machine.client_files()
    resolver = (lab.address("infra"),)
    reference = image.host_recipe(lab.suite).reference

    def bare(host: str) -> hosts.Spec:
        return hosts.Spec(
            lab=lab.name,
            host=host,
            container=lab.container(host),
            image=reference,
            network=lab.network,
            addresses=lab.subnets.addresses(host),
            dns=resolver,
            systemd_cmdline=hosts.systemd_cmdline(lab.suite),
            files={**client, **ssh.host_files(lab, host), "/etc/hosts": hosts.etc_hosts(host)},
            # An overlay filesystem cannot lie on another one: containerd needs a real one under K3s's folder.
            volumes=("/var/lib/rancher",),
        )

    def begin(host: str) -> tuple[str, str]:
        spec = infra.spec(lab) if host == "infra" else bare(host)
        return host, hosts.ensure(spec, have.get(spec.container), infra.links() if host == "infra" else None)

    def finish(done: tuple[str, str]) -> None:
        host, what = done
        address = lab.address(host)
        if host == "infra":
            _finish_infra(lab, what)
        else:
            if what != "kept":
                hosts.wait_booted(lab.container(host))
            hosts.wait_port(address, 22, f"sshd of {host}")
        say(f"{host:9} {address:15} {what}")

    # The first host that runs makes the bridge.
    first = begin("infra")
    network.pin_bridge(lab.network, lab.subnets)
    _each(finish, [first, *_each(begin, lab.hosts)])


def _finish_infra(lab: Lab, what: str) -> None:
    address = lab.address("infra")
    for port, service in (
        (infra.ACME_PORT, "the ACME authority"),
        (infra.NAMES_PORT, "the DNS of set names"),
        (53, "the resolver"),
        (infra.MIRROR_PORT, "the release mirror"),
    ):
        hosts.wait_port(address, port, service)
    infra.link_mirror(lab)
    # challtestsrv keeps names in memory; after a start it knows none.
    dns.apply(lab, dns.records(lab) if what != "kept" else {})


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
        hosts.wait_booted(name)
        hosts.wait_port(lab.address(host), 22, f"sshd of {host}")


def stop(lab: Lab, host: str) -> None:
    """Power a host off; it stays off until `up` or a restart."""
    podman.podman("stop", "--time", "30", running_host(lab, host))
