# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from ansible_collections.baremesh.edge.plugins.action import host_ports_info


@pytest.fixture
def ask(monkeypatch):
    monkeypatch.setattr(host_ports_info.ActionBase, "run", lambda self, tmp, task_vars: {})

    def run(found, **arguments):
        action = object.__new__(host_ports_info.ActionModule)
        action._task = SimpleNamespace(args=arguments)
        action._execute_module = lambda task_vars: dict(found)
        return action.run(task_vars={})

    return run


def test_the_controller_connects_to_what_answers_the_host(ask):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        port, other = server.getsockname()[1], closed.getsockname()[1]
        closed.close()
        found = ask({"answering": [port, other]}, controller_address="127.0.0.1")
    assert found["from_controller"] == {str(port): True, str(other): False}


@pytest.mark.parametrize("found", [{"answering": []}, {"failed": True, "msg": "no"}], ids=["nothing answers", "failed"])
def test_nothing_is_asked_where_nothing_answers_the_host(ask, found):
    assert ask(found, controller_address="127.0.0.1") == found


def test_nothing_is_asked_unless_an_address_is_given(ask):
    assert ask({"answering": [80]}) == {"answering": [80]}
