# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.listeners import uplinks
from ansible_collections.baremesh.edge.plugins.module_utils._preflight import distribution, host


@pytest.fixture
def root(tmp_path):
    """A root folder; write(path, text) puts a file there."""

    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        return tmp_path

    return write


def test_a_distribution_is_read_without_its_quotes(root):
    found = distribution.os_release(root("etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n'))
    assert found == {"id": "debian", "like": "", "version": "12", "name": "Debian GNU/Linux 12"}


def test_a_system_without_a_name(tmp_path):
    assert distribution.os_release(tmp_path) == {"id": "", "like": "", "version": "", "name": ""}


@pytest.mark.parametrize(
    ("names", "family"),
    [
        ("ID=debian\n", "Debian"),
        ("ID=raspbian\nID_LIKE=debian\n", "Debian"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "Debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "RedHat"),
        ("ID=fedora\n", "RedHat"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "Suse"),
        ("ID=arch\n", ""),
        ("", ""),
    ],
)
def test_the_family_of_a_distribution(root, names, family):
    assert distribution.os_family(distribution.os_release(root("usr/lib/os-release", names))) == family


def test_unified_control_groups(root):
    assert host.cgroups(root("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")) == {
        "version": 2,
        "memory": True,
        "cpuset": True,
        "cpu": True,
    }
    assert not host.cgroups(root("sys/fs/cgroup/cgroup.controllers", "cpu io\n"))["memory"]


def test_control_groups_of_version_1(root):
    text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t2\t5\t1\nmemory\t9\t70\t0\n"
    assert host.cgroups(root("proc/cgroups", text)) == {"version": 1, "memory": False, "cpuset": True, "cpu": False}


def test_memory(root):
    assert host.memory_mib(root("proc/meminfo", "MemTotal:        2048000 kB\nMemFree: 1 kB\n")) == 2000


@pytest.mark.parametrize(
    ("path", "text", "there"),
    [
        (
            "proc/net/route",
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0155A8C0\t0003\t0\t0\t0\t00000000\n",
            True,
        ),
        (
            "proc/net/route",
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t0055A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n",
            False,
        ),
        ("proc/net/ipv6_route", f"{'0' * 32} 00 {'0' * 32} 00 fe80 00000400 1 0 00000003     eth0\n", True),
        ("proc/net/ipv6_route", f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 1 0 00200200       lo\n", False),
    ],
)
def test_the_default_route(root, path, text, there):
    assert bool(uplinks(root(path, text) / "proc")) is there


def test_addresses_of_pods_and_of_the_link_are_left_out():
    text = (
        "1: lo    inet 127.0.0.1/8 scope host lo\n"
        "2: eth0    inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0\n"
        "2: eth0    inet6 2001:db8::10/64 scope global\n"
        "2: eth0    inet6 fe80::1/64 scope link\n"
        "3: cni0    inet 10.42.0.1/24 scope global cni0\n"
        "4: flannel.1    inet 10.42.0.0/32 scope global flannel.1\n"
        "5: wg0    inet 198.51.100.1 peer 198.51.100.2/32 scope global wg0\n"
    )
    assert host.addresses(text) == ["192.0.2.10", "2001:db8::10", "198.51.100.1"]


def test_free_space_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path):
    assert host.free_mib(str(tmp_path / "a" / "b")) == host.free_mib(str(tmp_path)) > 0


def test_ufw(root):
    assert host.ufw_enabled(root("etc/ufw/ufw.conf", "# x\nENABLED=yes\n"))
    assert not host.ufw_enabled(root("etc/ufw/ufw.conf", "ENABLED=no\n"))


def test_a_pod_that_listens_is_told_apart(root, monkeypatch):
    from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.listeners import Listener

    monkeypatch.setattr(host, "holders", lambda _ports, _proc: [Listener(80, "0.0.0.0", 7, "envoy", ""), Listener(443, "::")])
    found = host.listeners([80, 443], root("proc/7/cgroup", "0::/kubepods/besteffort/pod1/abc\n"))
    assert [(entry["port"], entry["pod"]) for entry in found] == [(80, True), (443, False)]


def test_modules_that_the_kernel_lacks(tmp_path):
    folder = tmp_path / "lib/modules/6.8.0-raspi"
    folder.mkdir(parents=True)
    (folder / "modules.dep").write_text(
        "kernel/fs/overlayfs/overlay.ko.zst:\nkernel/net/bridge/br_netfilter.ko: kernel/net/bridge/bridge.ko\n"
    )
    assert host.missing_modules(tmp_path, "6.8.0-raspi") == ["vxlan"]
    (folder / "modules.builtin").write_text("kernel/drivers/net/vxlan/vxlan.ko\n")
    assert host.missing_modules(tmp_path, "6.8.0-raspi") == []
    # A container sees another kernel than its files are for.
    assert host.missing_modules(tmp_path, "6.12.0") == []


def test_a_module_that_is_loaded_is_there(tmp_path):
    (tmp_path / "lib/modules/1").mkdir(parents=True)
    (tmp_path / "lib/modules/1/modules.dep").write_text("kernel/net/other.ko:\n")
    for name in ("vxlan", "overlay", "br_netfilter"):
        (tmp_path / "sys/module" / name).mkdir(parents=True)
    assert host.missing_modules(tmp_path, "1") == []


@pytest.mark.parametrize("policy", ["usr/share/selinux/packages/k3s.pp", "var/lib/selinux/targeted/active/modules/200/k3s/cil", None])
def test_the_policy_for_k3s(tmp_path, policy):
    (tmp_path / "sys/fs/selinux").mkdir(parents=True)
    (tmp_path / "sys/fs/selinux/enforce").write_text("1")
    if policy:
        (tmp_path / policy).parent.mkdir(parents=True)
        (tmp_path / policy).touch()
    assert host.selinux(tmp_path) == {"enforcing": True, "policy": policy is not None}


def test_two_names_of_one_machine_are_one_identity(root):
    folder = root("proc/sys/kernel/random/boot_id", "0a-1b\n")
    assert host.identity(folder) == ""
    root("proc/self/ns/net", "")
    assert host.identity(folder) == host.identity(folder)
    assert host.identity(folder).startswith("0a-1b/")


def test_an_unknown_machine_is_no_other(tmp_path):
    assert host.identity(tmp_path) == ""
