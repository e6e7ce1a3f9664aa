# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest

from edge_lab import hosts, podman


@pytest.fixture
def spec(lab):
    return hosts.Spec(
        lab=lab.name,
        host="server1",
        container=lab.container("server1"),
        image="localhost/image:1",
        network=lab.network,
        addresses=lab.subnets.addresses("server1"),
        dns=(lab.address("infra"),),
        files={"/etc/hosts": b"one"},
    )


def pairs(argv):
    return list(zip(argv, argv[1:], strict=False))


def test_hosts_keep_out_of_each_others_cgroups(spec):
    argv = hosts.create_argv(spec)
    assert "--systemd=false" in argv
    assert "--cgroupns=private" in argv
    assert podman.PODMAN == ("podman", "--runtime", "runc")


def test_an_address_and_a_mac_outlive_a_restart(spec):
    argv = hosts.create_argv(spec)
    assert ("--ip", "10.120.7.11") in pairs(argv)
    assert ("--ip6", "fd12:3456:789a:bcde::11") in pairs(argv)
    assert ("--mac-address", "02:00:0a:78:07:0b") in pairs(argv)
    assert ("--dns", "10.120.7.2") in pairs(argv)


def test_options_come_before_the_image_and_the_command_last(spec):
    argv = hosts.create_argv(replace(spec, volumes=("/var/lib/rancher",), mounts={"/a": "/b"}, systemd_cmdline="x=1"))
    assert argv[-2:] == ["localhost/image:1", "/sbin/init"]
    assert ("--volume", "/var/lib/rancher") in pairs(argv)
    assert ("--volume", "/a:/b:ro") in pairs(argv)
    assert ("--env", "SYSTEMD_PROC_CMDLINE=x=1") in pairs(argv)


def test_a_host_is_made_again_for_its_network_but_not_for_its_files(spec):
    assert replace(spec, files={}).key == spec.key
    assert replace(spec, image="localhost/image:2").key == spec.key
    assert replace(spec, dns=("192.0.2.1",)).key != spec.key
    keyed = replace(spec, keyed_files=True)
    assert replace(keyed, files={"/etc/hosts": b"two"}).key != keyed.key


def test_private_files_are_private():
    key = "/etc/ssh/ssh_host_ed25519_key"
    files = {"/root/.ssh/authorized_keys": b"k", key: b"p", f"{key}.pub": b"q", "/etc/hosts": b"h"}
    packed = hosts.archive(files, {"/etc/x": "/etc/y"})
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        modes = {member.name: member.mode for member in tar if not member.issym()}
        assert tar.getmember("etc/x").linkname == "/etc/y"
    assert modes == {
        "root/.ssh": 0o700,
        "root/.ssh/authorized_keys": 0o600,
        "etc/ssh/ssh_host_ed25519_key": 0o600,
        "etc/ssh/ssh_host_ed25519_key.pub": 0o644,
        "etc/hosts": 0o644,
    }


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 20000])
def test_an_archive_ends_with_its_end(size):
    """Whoever reads it to its end marker has read it all."""
    packed = hosts.archive({"/f": bytes(range(1, 256)) * (size // 255) + b"x" * (size % 255)})
    assert packed.endswith(bytes(1024))
    assert len(packed) == 512 + -(-size // 512) * 512 + 1024


def test_systemd_is_told_of_cgroup_v1_only_where_it_refuses_it(monkeypatch):
    monkeypatch.setattr(hosts.Path, "exists", lambda _self: False)
    assert hosts.systemd_cmdline("bookworm") == ""
    assert "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1" in hosts.systemd_cmdline("trixie")
    monkeypatch.setattr(hosts.Path, "exists", lambda _self: True)
    assert hosts.systemd_cmdline("trixie") == ""


class Podman:
    """Podman as `ensure` meets it: what was asked of it, and whether containers start."""

    def __init__(self, starts=True):
        self.asked = []
        self.starts = starts

    def podman(self, *args, **_kwargs):
        self.asked.append(args[0])
        return ""

    def run(self, argv, **_kwargs):
        self.asked.append(argv[3])
        return type("Done", (), {"returncode": 0 if self.starts else 125, "stderr": "no such thing\n"})


@pytest.fixture
def fake(monkeypatch):
    fake = Podman()
    monkeypatch.setattr(hosts.podman, "podman", fake.podman)
    monkeypatch.setattr(hosts.podman, "remove", lambda names: fake.asked.append(("rm", *names)))
    monkeypatch.setattr(hosts.podman, "admit_death", lambda _container: fake.asked.append("admit"))
    monkeypatch.setattr(hosts, "run", fake.run)
    return fake


def container(spec, running, key=None):
    found = podman.Container(spec.container, spec.lab, spec.host, "c0ffee", "running", 1, key or spec.key, "1")
    return type("Seen", (), {**vars(found), "running": running})


def test_what_runs_is_left_alone(spec, fake):
    assert hosts.ensure(spec, container(spec, running=True)) == "kept"
    assert fake.asked == []


def test_what_stopped_is_started(spec, fake):
    assert hosts.ensure(spec, container(spec, running=False)) == "started"
    assert fake.asked == ["admit", "start"]


def test_what_does_not_start_is_made_again_and_says_why(spec, fake):
    fake.starts = False
    assert hosts.ensure(spec, container(spec, running=False)) == "made again, as it did not start (no such thing)"
    assert fake.asked == ["admit", "start", ("rm", spec.container), "create", "cp", "start"]


def test_what_is_of_other_settings_is_made_again(spec, fake):
    assert hosts.ensure(spec, container(spec, running=True, key="other")) == "made again, as its settings changed"
    assert fake.asked == ["admit", ("rm", spec.container), "create", "cp", "start"]


def test_what_is_not_there_is_made(spec, fake):
    assert hosts.ensure(spec, None) == "made"
    assert fake.asked == [("rm", spec.container), "create", "cp", "start"]


def test_a_port_that_nobody_listens_on_ends_the_wait(unused_tcp_port):
    with pytest.raises(hosts.LabError, match=r"sshd of server1 does not answer on 127\.0\.0\.1"):
        hosts.wait_port("127.0.0.1", unused_tcp_port, "sshd of server1", timeout=0)


@pytest.fixture
def unused_tcp_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
