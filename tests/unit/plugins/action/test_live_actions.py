# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.baremesh.edge.plugins.action import certificate_wait, egress_wait, sds_primer, sds_secret_wait
from ansible_collections.baremesh.edge.plugins.plugin_utils import _live


class Templar:
    def template(self, value):
        return value


@pytest.fixture(
    params=[certificate_wait, egress_wait, sds_primer, sds_secret_wait],
    ids=["certificate_wait", "egress_wait", "sds_primer", "sds_secret_wait"],
)
def action(request, monkeypatch):
    task = SimpleNamespace(args={"namespace": "ns"}, check_mode=False, async_val=0)
    found = object.__new__(request.param.ActionModule)
    found._task = task
    found._templar = Templar()
    found._connection = SimpleNamespace(
        become="sudo", exec_command=lambda command, **options: found.commands.append(command) or (1, b"", b"")
    )
    found.get_become_option = {"become_user": "app"}.get
    found.calls, found.commands = [], []

    def execute(module_args, task_vars, wrap_async):
        found.calls.append((module_args, wrap_async))
        return {"changed": False}

    found._execute_module = execute
    monkeypatch.setattr(_live.ActionBase, "run", lambda self, tmp, task_vars: {})
    return found


def test_the_module_is_told_where_to_write(action):
    assert action.run(task_vars={"inventory_hostname": "edge1"}) == {"changed": False}
    arguments, _async = action.calls[0]
    assert arguments["namespace"] == "ns"
    assert arguments["progress_file"].startswith("/tmp/.baremesh-edge-")
    assert "progress_file" not in action._task.args


def test_each_run_has_a_file_of_its_own(action):
    action.run(task_vars={})
    action.run(task_vars={})
    assert action.calls[0][0]["progress_file"] != action.calls[1][0]["progress_file"]


@pytest.mark.parametrize("value", [False, "false", "no", "0", ""])
def test_a_variable_turns_it_off(action, value):
    action.run(task_vars={"edge_live_progress": value})
    assert "progress_file" not in action.calls[0][0]


@pytest.mark.parametrize("change", [{"check_mode": True}, {"async_val": 60}])
def test_nothing_in_check_mode_and_for_asynchronous_tasks(action, change):
    vars(action._task).update(change)
    action.run(task_vars={})
    assert "progress_file" not in action.calls[0][0]
    assert action.calls[0][1] == change.get("async_val", 0)


def test_a_file_that_the_user_gave_is_left_to_the_user(action):
    action._task.args["progress_file"] = "/mine"
    action.run(task_vars={})
    assert action.calls[0][0]["progress_file"] == "/mine"


@pytest.mark.parametrize(("become", "owner"), [("sudo", "-user app"), (None, '-user "$(id -u)"')])
def test_only_files_of_the_user_of_the_module_are_read(action, become, owner):
    action._connection.become = become
    action._reader("/tmp/x")(0)
    assert f"{owner} 2>" in action.commands[0]


def test_the_second_connection_asks_for_no_privileges(action):
    action._reader("/tmp/x")(0)
    assert action._connection.become == "sudo"
