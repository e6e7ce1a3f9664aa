# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _k3s_keys as keys


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"tls-san": ["a"], "node-label": ["b=c"], "kubelet-arg+": ["x=y"], "cluster-init": True}, "server"),
        ({"node-label": ["b=c"], "selinux": True, "disable-apiserver-lb": True}, "agent"),
        ({}, "server"),
    ],
)
def test_known_keys_are_fine(config, kind):
    assert keys.config_findings(config, kind) == []


@pytest.mark.parametrize(
    ("config", "kind", "said"),
    [
        ({"tls-sans": ["a"]}, "server", "did you mean 'tls-san'?"),
        ({"tls_san": ["a"]}, "server", "did you mean 'tls-san'?"),
        ({"quite-other": 1}, "server", "see https://docs.k3s.io/cli"),
        ({"tls-san": ["a"]}, "agent", "only a server takes (an agent does not start with it): move it to k3s_server_config"),
        ({"disable-apiserver-lb": True}, "server", "move it to k3s_agent_config"),
        ({"no-deploy": "traefik"}, "server", "use disable instead"),
        ({"disable": ["traefik"]}, "server", "use k3s_disable"),
        ({"server": "https://a:6443"}, "agent", "use k3s_server_host or k3s_server_url"),
        ({"token-file": "/x"}, "server", "use k3s_token"),
        ({"node-label": {"a": "b"}}, "agent", "has a dictionary under 'node-label'"),
        ({"node-name": None}, "agent", "no value under 'node-name'"),
        ({"flannel-backend": "wireguard"}, "server", "use 'wireguard-native'"),
        (["tls-san"], "server", "k3s_server_config is ['tls-san']: it must be a dictionary"),
    ],
)
def test_each_fault_is_one_sentence(config, kind, said):
    (finding,) = keys.config_findings(config, kind)
    assert said in finding
    assert finding.startswith(f"k3s_{kind}_config ")
    assert finding.endswith((".", "?"))


def test_all_faults_are_told():
    assert len(keys.config_findings({"a-key": 1, "b-key": 2, "tls-san": ["x"]}, "agent")) == 3


def test_secret_keys_are_keys():
    assert keys.allowed_keys("server") >= keys.SECRET_KEYS
