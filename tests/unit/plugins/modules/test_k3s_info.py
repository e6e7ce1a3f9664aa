# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import addresses
from ansible_collections.baremesh.edge.plugins.modules import k3s_info
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run

CA = "a" * 64
SERVER = f"K10{CA}::server:secret"
AGENT = f"K10{CA}::node:other"


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(addresses, "route_address", lambda: "192.0.2.10")
    (tmp_path / "server").mkdir()
    return tmp_path


def tokens(data, server=SERVER, agent=None):
    (data / "server" / "token").write_text(f"{server}\n")
    (data / "server" / "node-token").symlink_to("token")
    if agent:
        (data / "server" / "agent-token").write_text(f"{agent}\n")
    else:
        (data / "server" / "agent-token").symlink_to("token")


def test_a_server_that_never_started_is_not_joinable(monkeypatch, data):
    result = run(monkeypatch, k3s_info, data_dir=str(data), token=True)
    assert not result["joinable"]
    assert result["token"] is None
    assert result["url"] == "https://192.0.2.10:6443"


def test_agents_get_their_own_token_if_there_is_one(monkeypatch, data):
    tokens(data, agent=AGENT)
    assert run(monkeypatch, k3s_info, data_dir=str(data), token=True)["token"] == AGENT
    assert run(monkeypatch, k3s_info, data_dir=str(data), token=True, kind="server")["token"] == SERVER


@pytest.mark.parametrize("agent", [None, f"K10{CA}::node:secret", ""])
def test_an_agent_never_gets_the_token_of_servers(monkeypatch, data, agent):
    tokens(data)
    if agent is not None:
        (data / "server" / "agent-token").unlink()
        (data / "server" / "agent-token").write_text(f"{agent}\n")
    result = run(monkeypatch, k3s_info, data_dir=str(data), token=True, given_token="secret")
    assert not result["joinable"]
    assert "secret" not in str(result)
    assert run(monkeypatch, k3s_info, data_dir=str(data), token=True, kind="server")["agent_token"] is None


def test_servers_get_the_token_of_agents_as_their_file_must_have_it(monkeypatch, data):
    """K3s takes the whole text of agent-token-file for the password."""
    tokens(data, agent=AGENT)
    assert run(monkeypatch, k3s_info, data_dir=str(data), token=True, kind="server")["agent_token"] == "other"
    assert "agent_token" not in run(monkeypatch, k3s_info, data_dir=str(data), token=True)


def test_the_token_is_returned_on_request_only(monkeypatch, data):
    tokens(data, agent=AGENT)
    result = run(monkeypatch, k3s_info, data_dir=str(data))
    assert result["joinable"]
    assert "other" not in str(result)
    assert "secret" not in str(result)


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({"node-ip": "198.51.100.1"}, "https://198.51.100.1:6443"),
        ({"node-ip": "198.51.100.1,2001:db8::1"}, "https://198.51.100.1:6443"),
        ({"node-ip": ["2001:db8::1"], "https-listen-port": 7443}, "https://[2001:db8::1]:7443"),
        ({"advertise-address": "203.0.113.1", "node-ip": "198.51.100.1"}, "https://203.0.113.1:6443"),
        ({"node-external-ip": "203.0.113.2", "node-ip": "10.0.0.1"}, "https://203.0.113.2:6443"),
        ({"flannel-iface": "lo"}, "https://127.0.0.1:6443"),
        ({"flannel-iface": "lo", "node-ip": "10.0.0.1"}, "https://10.0.0.1:6443"),
        ({"flannel-iface": "none0", "supervisor-port": 9345}, "https://192.0.2.10:9345"),
    ],
)
def test_the_address_is_the_one_that_k3s_announces(monkeypatch, data, config, url):
    assert run(monkeypatch, k3s_info, data_dir=str(data), config=config)["url"] == url


def test_without_an_address_there_is_no_url(monkeypatch, data):
    monkeypatch.setattr(addresses, "route_address", lambda: "")
    assert run(monkeypatch, k3s_info, data_dir=str(data))["url"] == ""


@pytest.mark.parametrize(
    ("given", "kind", "fits"),
    [
        ("secret", "agent", True),
        ("other", "agent", True),
        ("other", "server", False),
        (SERVER, "agent", True),
        (f"K10{'b' * 64}::server:secret", "agent", False),
        ("wrong", "agent", False),
        ("abcdef.0123456789abcdef", "agent", None),
        (f"K10{CA}::abcdef.0123456789abcdef", "agent", None),
    ],
)
def test_a_given_token_is_compared_with_those_of_the_server(monkeypatch, data, given, kind, fits):
    tokens(data, agent=AGENT)
    assert run(monkeypatch, k3s_info, data_dir=str(data), given_token=given, kind=kind)["given_token_fits"] is fits


def test_there_is_nothing_to_compare_with_on_a_virgin_server(monkeypatch, data):
    assert run(monkeypatch, k3s_info, data_dir=str(data), given_token="any")["given_token_fits"] is None
