# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that runs a K3s which something else installed: every way in refuses it, says what would be lost, and changes nothing."""

from __future__ import annotations

import pytest
import runs

# As get.k3s.io writes it for `sh -s - --data-dir /var/lib/rancher/web --tls-san web.example.com`.
UNIT = """[Unit]
Description=Lightweight Kubernetes
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-/etc/systemd/system/k3s.service.env
KillMode=process
Delegate=yes
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s \\
    server \\
\t'--data-dir' \\
\t'/var/lib/rancher/web' \\
\t'--tls-san' \\
\t'web.example.com' \\

"""
FILES = {
    "/etc/systemd/system/k3s.service": UNIT,
    "/etc/systemd/system/k3s.service.env": "K3S_TOKEN='hush-token'\nCONTAINERD_HTTPS_PROXY='http://user:hush-proxy@192.0.2.8:3128'\n",
    "/etc/default/k3s": "K3S_NODE_NAME=web1\n",
    "/etc/rancher/k3s/config.yaml": "disable: [traefik]\nnode-label:\n  - shelf=3\nagent-token: hush-agent\n",
    "/usr/local/bin/k3s-killall.sh": "#!/bin/sh\n",
    "/usr/local/bin/k3s-uninstall.sh": "#!/bin/sh\n",
}
LOST = {
    "/etc/systemd/system/k3s.service": "--data-dir, --tls-san",
    "/etc/systemd/system/k3s.service.env": "CONTAINERD_HTTPS_PROXY, K3S_TOKEN",
    "/etc/rancher/k3s/config.yaml": "agent-token, disable, node-label",
}


def state(machine):
    """Everything of that K3s that a run could touch, and what a run would leave."""
    return machine.shell(
        f"sha256sum {' '.join(FILES)} /usr/local/bin/k3s; systemctl show k3s -p MainPID,ActiveEnterTimestampMonotonic,UnitFileState;"
        " k3s kubectl get namespace kube-system -o jsonpath='{.metadata.uid}'; ls -A /usr/local/bin /etc/rancher/k3s /var/lib/rancher;"
        " ls -Ad /var/lib/baremesh /etc/baremesh 2>&1; nft list tables"
    )


@pytest.fixture(scope="module")
def another(machine, variables):
    """A host with a cluster that another installer made."""
    machine.shell(
        f"wget -qO /usr/local/bin/k3s '{variables['k3s_release_url']}/{variables['k3s_version'].replace('+', '%2B')}/k3s'"
        " && chmod 755 /usr/local/bin/k3s && ln -s k3s /usr/local/bin/kubectl && ln -s k3s /usr/local/bin/ctr"
    )
    for path, text in FILES.items():
        machine.write(path, text, "755" if path.endswith(".sh") else "600")
    machine.shell("systemctl daemon-reload && systemctl enable --now k3s && k3s kubectl wait --for=create node/web1 --timeout=60s")
    return machine


@pytest.mark.parametrize(
    ("playbook", "arguments"),
    [
        pytest.param(runs.PLAYBOOK, [], id="site"),
        pytest.param(runs.PLAYBOOK, ["--check", "--diff"], id="site in check mode"),
        pytest.param(runs.ROOT / "playbooks/k3s.yml", ["--diff"], id="the role alone", marks=pytest.mark.matrix),
    ],
)
def test_it_is_refused_with_what_would_be_lost(another, playbook, arguments):
    before = state(another)
    result = runs.run({}, *arguments, playbook=playbook)
    assert result.status != 0, "the run succeeded"
    assert len(result.failures) == 1, result.failures
    for path, settings in LOST.items():
        assert f"{path} (with {settings})" in result.failures[0].message
    assert "hush" not in result.output
    assert result.changed == 0
    assert state(another) == before
