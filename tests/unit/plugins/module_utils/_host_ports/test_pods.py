# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import pods, proof

KUBEPODS = "0::/kubepods.slice/kubepods-besteffort.slice/cri-containerd-1.scope\n"


@pytest.fixture
def proc(tmp_path):
    """A /proc with processes of the host, of a hostNetwork pod, of a container outside of pods, and of two pods, two of the first."""
    for pid, namespace, cgroup in [
        (1, "net:[1]", "0::/init.scope\n"),
        (20, "net:[1]", KUBEPODS),
        (30, "net:[3]", "0::/machine.slice/libpod-1.scope\n"),
        (50, "net:[5]", KUBEPODS),
        (51, "net:[5]", KUBEPODS),
        (60, "net:[6]", KUBEPODS),
    ]:
        folder = tmp_path / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "ns/net").symlink_to(namespace)
        (folder / "cgroup").write_text(cgroup)
    (tmp_path / "self").mkdir()
    return tmp_path


def test_a_pod_is_what_kubernetes_gave_a_network_of_its_own(proc):
    assert pods.find(proc) == [50, 60]
    assert pods.find(proc, most=1) == [50]


def test_there_may_be_no_pod(proc):
    for pid in (50, 51, 60):
        (proc / str(pid) / "ns/net").unlink()
    assert pods.find(proc) == []


def test_one_pod_that_can_connect_is_enough(monkeypatch):
    monkeypatch.setattr(pods, "connect_from", lambda pid, _connect: lambda _address, _port: None if pid == 60 else "no answer")
    assert pods.connect_from_any([50, 60], lambda _address, _port: None)("192.0.2.1", 80) is None
    assert pods.connect_from_any([50, 51], lambda _address, _port: None)("192.0.2.1", 80) == "no answer"


@pytest.mark.parametrize("answer", [None, "connection refused"])
def test_the_answer_comes_back_from_the_child(monkeypatch, answer):
    monkeypatch.setattr(pods, "_enter", lambda _pid: None)
    assert pods.connect_from(50, lambda _address, _port: answer)("192.0.2.1", 80) == answer


def test_a_network_that_cannot_be_entered_is_told(monkeypatch):
    def refuse(_pid):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(pods, "_enter", refuse)
    assert (
        pods.connect_from(50, lambda _address, _port: None)("192.0.2.1", 80)
        == "the network of the pod cannot be entered: Operation not permitted"
    )


def checks():
    """Answers at an address of each family and on loopback, and a port without one."""
    return [
        proof.Check("192.0.2.1", 80, 30080, "works", ""),
        proof.Check("2001:db8::1", 80, 30080, "works", ""),
        proof.Check("127.0.0.1", 80, 30080, "works", ""),
        proof.Check("192.0.2.1", 443, 30443, "pending", ""),
    ]


def test_what_answers_the_host_is_tried_from_a_pod():
    tried = proof.from_pod(checks(), lambda _address, _port: None)
    assert [(item.address, item.port, item.state, item.origin) for item in tried] == [
        ("192.0.2.1", 80, "works", "pod"),
        ("2001:db8::1", 80, "works", "pod"),
    ]


def test_what_answers_the_host_and_not_a_pod_fails_with_what_follows():
    failing = proof.from_pod(checks(), lambda _address, _port: "no answer within 3 s")
    assert {item.state for item in failing} == {"fails"}
    assert "[2001:db8::1]:80 answers the host but not a pod on it (no answer within 3 s)" in failing[1].text
    assert "self-check" in failing[0].text


def test_a_pod_without_the_family_is_no_failure():
    unreachable = os.strerror(errno.ENETUNREACH)
    tried = proof.from_pod(checks(), lambda address, _port: unreachable if ":" in address else None)
    assert [item.state for item in tried] == ["works", "pending"]
