# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import listeners

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0A33A8C0:0050 1433A8C0:C350 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 0 0 0 4714 1 0
"""


def host(tmp_path, processes):
    """A /proc with the sockets above and the given processes: pid -> (name, cgroup, inodes)."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(TCP)
    (tmp_path / "net/tcp6").write_text(TCP6)
    for pid, (name, cgroup, inodes) in processes.items():
        fd = tmp_path / str(pid) / "fd"
        fd.mkdir(parents=True)
        (tmp_path / str(pid) / "comm").write_text(f"{name}\n")
        (tmp_path / str(pid) / "cgroup").write_text(cgroup)
        for number, inode in enumerate(inodes):
            (fd / str(number)).symlink_to(f"socket:[{inode}]")
    return tmp_path


def test_process_and_unit_are_named_and_connections_are_no_listeners(tmp_path):
    proc = host(
        tmp_path,
        {
            812: ("nginx", "0::/system.slice/nginx.service\n", [4711]),
            813: ("nginx", "0::/system.slice/nginx.service\n", [4711, 4713]),
            900: ("python3", "12:memory:/x\n1:name=systemd:/user.slice/user-0.slice/session-1.scope\n", [4714]),
        },
    )
    assert [str(item) for item in listeners.holders([80], proc)] == [
        "port 80 on 0.0.0.0 is held by nginx (pid 812, unit nginx.service)",
        "port 80 on ::1 is held by python3 (pid 900, no systemd unit)",
    ]


def test_a_socket_that_systemd_keeps_is_named_by_who_serves_it(tmp_path):
    proc = host(tmp_path, {1: ("systemd", "0::/init.scope\n", [4712]), 77: ("caddy", "0::/system.slice/caddy.service\n", [4712])})
    assert [item.process for item in listeners.holders([443], proc)] == ["caddy"]


def test_a_holder_that_cannot_be_seen_is_said(tmp_path):
    assert str(listeners.holders([443], host(tmp_path, {}))[0]) == (
        "port 443 on 127.0.0.1 is held by a process that is not visible from here"
    )


def test_other_ports_are_nobodys_business(tmp_path):
    assert listeners.holders([8443], host(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/k3s.service\n", "k3s.service"),
        ("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n", "web.service"),
        ("3:cpu:/a\n1:name=systemd:/system.slice/nginx.service\n0::/\n", "nginx.service"),
        ("0::/kubepods/besteffort/pod1\n", ""),
        ("", ""),
    ],
)
def test_unit_of_a_cgroup(cgroup, unit):
    assert listeners.unit_of(cgroup) == unit


def test_this_very_process_is_found():
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = listeners.holders([server.getsockname()[1]])
        assert [(item.address, item.pid) for item in found] == [("127.0.0.1", os.getpid())]


def test_own_addresses_are_addresses_of_this_host():
    found = listeners.own_addresses()
    assert found
    for address in found:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))


def test_all_addresses_of_the_host_are_known(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net/fib_trie").write_text(
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.0\n        /24 link UNICAST\n     |-- 192.0.2.2\n        /32 host LOCAL\n"
        "     |-- 192.0.2.255\n        /32 link BROADCAST\n     |-- 127.0.0.0\n        /8 host LOCAL\n     |-- 203.0.113.9\n"
        "        /32 link UNICAST\n        /32 host LOCAL\nLocal:\n     |-- 192.0.2.2\n        /32 host LOCAL\n"
    )
    (tmp_path / "net/if_inet6").write_text("20010db8000000000000000000000007 02 40 00 80     eth0\n")
    assert listeners.all_addresses(tmp_path) == ["192.0.2.2", "203.0.113.9", "2001:db8::7"]


def test_a_host_without_ipv6_has_addresses_too(tmp_path):
    assert listeners.all_addresses(tmp_path) == []
