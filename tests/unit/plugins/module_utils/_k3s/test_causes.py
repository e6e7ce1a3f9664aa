# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import causes

TIME = 'time="2026-11-21T08:16:53Z"'
FLAG = f'{TIME} level=fatal msg="flag provided but not defined: -tls-san"'
HASH = (
    f'{TIME} level=error msg="Failed to validate connection to cluster at https://192.0.2.10:6443: '
    'token CA hash does not match the Cluster CA certificate hash: aa != bb"'
)
REFUSED = (
    f'{TIME} level=error msg="Failed to validate connection to cluster at https://192.0.2.10:6443: failed to get CA certs: '
    'Get \\"https://192.0.2.10:6443/cacerts\\": dial tcp 192.0.2.10:6443: connect: connection refused"'
)
PASSWORD = (
    f'{TIME} level=info msg="Waiting to retrieve agent configuration; server is not ready: '
    'https://127.0.0.1:6444/v1-k3s/config: 401 Unauthorized"'
)
NODE_PASSWORD = (
    f'{TIME} level=info msg="Waiting to retrieve agent configuration; server is not ready: Node password rejected, duplicate hostname or '
    "contents of '/etc/rancher/node/password' may not match server node-passwd entry\""
)
PORT = f'{TIME} level=fatal msg="starting kubernetes: listen tcp :6443: bind: address already in use"'
KUBELET = 'E1121 08:39:41.866967    2988 run.go:72] "command failed" err="failed to parse kubelet flag: unknown flag: --no-such"'
CLOCK = (
    f'{TIME} level=error msg="Failed to validate connection to cluster at https://a:6443: x509: certificate has expired or is not yet '
    'valid: current time 2026-11-21T08:16:53Z is before 2026-11-21T09:00:00Z"'
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (FLAG, "has the key 'tls-san'"),
        (HASH, "belongs to another cluster"),
        (REFUSED, "the server https://192.0.2.10:6443 cannot be reached from this host (connection refused)"),
        (PASSWORD, "refuses the join token"),
        (NODE_PASSWORD, "unique name"),
        (PORT, "another process listens on :6443"),
        (KUBELET, "kubelet-arg has the flag 'no-such'"),
        (CLOCK, "not valid at this host's time 2026-11-21T08:16:53Z"),
        (f"{TIME} level=fatal msg=\"yaml: line 9: could not find expected ':'\"", "not YAML (yaml: line 9"),
        (f'{TIME} level=fatal msg="failed to find memory cgroup (v2)"', "control groups"),
        (f'{TIME} level=fatal msg="invalid token format"', "malformed (invalid token format)"),
        (
            f'{TIME} level=fatal msg="failed to validate server configuration: critical configuration value mismatch: cluster-cidr"',
            "must be equal on all servers differs (cluster-cidr)",
        ),
        (f'{TIME} level=error msg="Failed to record snapshots: write /x: no space left on device"', "a disk of the host is full"),
        ('E1121 08:39:41.866967 2988 x.go:7] err="rpc error: database or disk is full"', "a disk of the host is full"),
        (f'{TIME} level=fatal msg="write /srv/k3s/server/cred/passwd: disk quota exceeded"', "a disk of the host is full"),
    ],
)
def test_known_lines_become_one_sentence(line, said):
    cause = causes.explain(["level=info msg=starting", line])
    assert cause is not None
    assert said in cause.text
    assert cause.source == line


def test_what_may_heal_is_given_time_and_what_cannot_is_not():
    assert causes.explain([FLAG]).patience == 0
    assert causes.explain([HASH]).patience == 0
    assert causes.explain([REFUSED]).patience > 0
    assert causes.explain([PASSWORD]).patience > 0


def test_the_deepest_reason_wins_over_the_newest():
    assert "another cluster" in causes.explain([HASH, REFUSED]).text


@pytest.mark.parametrize(
    "line",
    [
        'I1121 08:44:52.722022 4965 quota.go:36] "Caches are synced"',
        'E1121 08:44:52 4965 kubelet.go:1] "cgroup of pod not found"',
        'E1121 "Unable to authenticate the request" err="[invalid bearer token, Unauthorized]"',
        "modprobe: FATAL: Module br_netfilter not found in directory /lib/modules/6.18",
    ],
)
def test_ordinary_noise_is_no_cause(line):
    assert causes.explain([line]) is None


FURTHER = [
    ("Error: unknown flag: --no-such", "gives a Kubernetes component the flag 'no-such'"),
    (f'{TIME} level=fatal msg="starting kubernetes: token must not be empty"', "the join token is malformed (token must not be empty)"),
    (f'{TIME} level=fatal msg="ETCD join failed: duplicate node name found, please use a unique name"', "set another node-name"),
    (f'{TIME} level=fatal msg="bootstrap data already found and encrypted with different token"', "give the old k3s_token"),
    ('E1121 run.go:72] "command failed" err="kubelet is configured to not run on a host using cgroup v1"', "boot the host with cgroup v2"),
    (f'{TIME} level=fatal msg="unable to select an IP: no default routes found in /proc/net/route"', "the host has no default route (no"),
    (f'{TIME} level=fatal msg="unable to find default route: none"', "the host has no default route (unable to find default route: none)"),
    ('E1121 "failed to pull images" err="write /x: no space left on device"', "the disk is full (images"),
    (
        f'{TIME} level=error msg="Failed to validate connection to cluster at https://a:6443: CA cert validation failed: x509: unknown"',
        "the server cannot be reached or its CA is not trusted (x509: unknown): check k3s_server_url",
    ),
]


@pytest.mark.parametrize(("line", "said"), FURTHER)
def test_further_causes(line, said):
    found = causes.explain([line])
    assert found is not None
    assert said in found.text
    assert (found.outlook == "grace") is bool(found.patience)


WAITING = f'{TIME} level=info msg="Waiting to retrieve agent configuration; server is not ready: '
BALANCER = f'{TIME} level=error msg="Failed to validate connection to cluster at https://127.0.0.1:6444: failed to get CA certs: Get '


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            (
                f'{TIME} level=fatal msg="Error: preparing server: failed to normalize server token; must be in format '
                'K10<CA-HASH>::<USERNAME>:<PASSWORD> or <PASSWORD>"'
            ),
            "the join token is malformed (failed to normalize server token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD> or",
        ),
        (
            f'{TIME} level=fatal msg="starting kubernetes: etcdserver: too many learner members in cluster"',
            "another server is joining etcd",
        ),
        (f'{TIME} level=info msg="Failed to add member: etcdserver: too many learner members in cluster, will retry"', "run again when"),
        (
            WAITING + '\\"overlayfs\\" snapshotter cannot be enabled for \\"/var/lib/rancher/k3s/agent/containerd\\", try using '
            '\\"fuse-overlayfs\\" or \\"native\\": failed to mount overlay: invalid argument"',
            "cannot carry the snapshotter overlayfs (failed to mount overlay: invalid argument): set snapshotter to native",
        ),
        (
            WAITING + '\\"fuse-overlayfs\\" snapshotter cannot be enabled for \\"/x\\": no fuse"',
            "cannot carry the snapshotter fuse-overlayfs",
        ),
        (
            (
                f'{TIME} level=error msg="kubelet exited: failed to run Kubelet: failed to create kubelet: open /dev/kmsg: no such file or '
                'directory"'
            ),
            "the kubelet cannot open /dev/kmsg (no such file or directory)",
        ),
        (f'{TIME} level=fatal msg="flannel exited: operation not supported"', "the kernel has no VXLAN (operation not supported)"),
        ("E1121 flannel: failed to create vxlan device: operation not supported", "linux-modules-extra-raspi"),
        (
            BALANCER + '\\"https://127.0.0.1:6444/cacerts\\": read tcp 127.0.0.1:4->127.0.0.1:6444: read: connection reset by peer"',
            "the agent's own load balancer (127.0.0.1:6444) cannot be reached (connection reset by peer): open port 6443 of the server",
        ),
        (BALANCER + '\\"https://127.0.0.1:6444/cacerts\\": EOF"', "cannot be reached (EOF)"),
    ],
)
def test_what_people_report_has_a_cause_and_advice(line, said):
    found = causes.explain([line])
    assert found is not None
    assert said in found.text


@pytest.mark.parametrize(
    "line",
    [
        (
            'E1121 08:44:52 4965 authentication.go:63] "Unable to authenticate the request" err="[x509: certificate has expired or is not '
            'yet valid: current time 2026-11-21T08:16:53Z is after 2025-11-21T09:00:00Z, verifying certificate SN=1, SKID=, AKID= failed]"'
        ),
        f'{TIME} level=error msg="Sending HTTP 401 response to 192.0.2.11:4444: not authorized for /v1-k3s/serving-kubelet.crt"',
        "I1121 log.go:245] http: TLS handshake error from 192.0.2.9:52000: remote error: tls: bad certificate",
    ],
)
def test_requests_of_others_are_no_cause(line):
    assert causes.explain([line] * 5) is None
    assert causes.last_complaint([f'{TIME} level=error msg="own"', line]) == "own"


def test_a_message_is_told_without_its_quoting():
    assert causes.message_of(f'{TIME} level=fatal msg="kubelet exited: \\"command failed\\" twice" node=a') == (
        'kubelet exited: "command failed" twice'
    )
    assert causes.message_of("level=info msg=starting node=a") == "starting"
    assert causes.message_of("  plain  ") == "plain"


def test_the_last_complaint_is_the_newest_of_the_worst_kind():
    lines = [f'{TIME} level=fatal msg="first"', f'{TIME} level=fatal msg="second"', f'{TIME} level=error msg="third"', "plain"]
    assert causes.last_complaint(lines) == "second"
    assert causes.last_complaint(lines[2:]) == "third"
    assert causes.last_complaint(["plain"]) == "plain"
    assert causes.last_complaint([]) is None


def test_one_line_alone_never_ends_a_wait_that_may_heal():
    """A line counts as present for some seconds; patience must outlast them, so that only a repeated one ends the wait."""
    assert all(pattern.patience == 0 or pattern.patience > causes.RECENT for pattern in causes._PATTERNS)


def test_a_full_disk_is_the_reason_of_an_api_that_does_not_answer():
    lines = [
        f'{TIME} level=error msg="kine: database or disk is full"',
        f'{TIME} level=info msg="Get \\"https://127.0.0.1:6444/readyz\\": dial tcp 127.0.0.1:6444: connect: connection refused"',
    ]
    assert "a disk of the host is full" in causes.explain(lines).text
