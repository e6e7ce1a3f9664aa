# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which gateway pods expect a PROXY header; the values are what istiod puts into pods."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import gateway_pod


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('{"gatewayTopology":{"proxyProtocol":{}}}\n', True),
        ('{"gatewayTopology":{"numTrustedProxies":1,"proxyProtocol":{}}}\n', True),
        ('{"gatewayTopology":{"numTrustedProxies":1}}\n', False),
        ("{}\n", False),
        ("null", False),
        ("[]", False),
        ("not JSON", False),
        ("", False),
    ],
)
def test_it_is_read_from_the_configuration_in_the_pod(config, expected):
    containers = [
        {"name": "other"},
        {"name": "istio-proxy", "env": [{"name": "A", "value": "b"}, {"name": "PROXY_CONFIG", "value": config}]},
    ]
    assert gateway_pod({"spec": {"containers": containers}}).proxy_protocol is expected


def test_a_pod_without_a_proxy():
    assert gateway_pod({}).proxy_protocol is False
