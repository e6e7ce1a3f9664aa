# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._environment import proxy_environment

PROXY = "http://u:p@proxy.example.com:3128"
ALWAYS = "localhost,127.0.0.1,::1,.svc"


@pytest.mark.parametrize(
    ("given", "direct", "no_proxy"),
    [
        ({"HTTPS_PROXY": PROXY}, [], ALWAYS),
        ({"https_proxy": PROXY}, ["192.0.2.10", "10.42.0.0/16"], f"{ALWAYS},192.0.2.10,10.42.0.0/16"),
        (
            {"HTTP_PROXY": PROXY, "NO_PROXY": ".corp, 10.0.0.0/8"},
            ["10.42.0.0/16,2001:db8::/56"],
            f".corp,10.0.0.0/8,{ALWAYS},10.42.0.0/16,2001:db8::/56",
        ),
        ({"ALL_PROXY": "socks5://p:1080", "no_proxy": "localhost"}, [], "localhost,127.0.0.1,::1,.svc"),
        ({"https_proxy": PROXY, "NO_PROXY": [".corp", "10.0.0.0/8"]}, ["192.0.2.10"], f".corp,10.0.0.0/8,{ALWAYS},192.0.2.10"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, ["192.0.2.10"], "*"),
    ],
)
def test_what_is_near_goes_past_the_proxy(given, direct, no_proxy):
    found = proxy_environment(given, direct)
    assert found["NO_PROXY"] == found["no_proxy"] == no_proxy
    assert found == proxy_environment(found, direct), "a completed one is complete"


def test_a_list_becomes_text_without_a_proxy_too():
    assert proxy_environment({"no_proxy": [".corp", "192.0.2.1"]}) == {"no_proxy": ".corp,192.0.2.1"}


def test_both_spellings_are_set():
    found = proxy_environment({"HTTPS_PROXY": PROXY, "LANG": "C"})
    assert found["https_proxy"] == found["HTTPS_PROXY"] == PROXY
    assert found["LANG"] == "C"
    assert "HTTP_PROXY" not in found


@pytest.mark.parametrize("given", [{}, {"NO_PROXY": "a"}, {"HTTPS_PROXY": ""}, "HTTPS_PROXY=x"])
def test_without_a_proxy_nothing_is_added(given):
    assert proxy_environment(given, ["192.0.2.10"]) == given
