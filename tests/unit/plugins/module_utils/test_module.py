# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module prints in the end, as the controller reads it."""

from __future__ import annotations

import json
import tempfile

import pytest
from ansible.module_utils import basic

from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule

SPEC = {"url": {"type": "str"}, "password": {"type": "str", "no_log": True}}


@pytest.fixture
def printed(monkeypatch, capsys):
    """Runs a module to its end and returns what it prints; the logs that it writes go to a list."""
    logged = []

    def of(end, **arguments):
        given = dict(arguments, _ansible_remote_tmp=tempfile.gettempdir(), _ansible_keep_remote_files=False)
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        monkeypatch.setattr(EdgeModule, "log", lambda _self, text, log_args=None: logged.append(text))
        with pytest.raises(SystemExit):
            end(EdgeModule(argument_spec=SPEC))
        return capsys.readouterr().out

    of.logged = logged
    return of


@pytest.mark.parametrize(
    "end",
    [
        lambda module: module.exit_json(answer=["see https://me:hush@mirror"]),
        lambda module: module.exit_json(**{"https://me:hush@mirror": 1}),
        lambda module: module.fail_json(msg="see https://me:hush@mirror", cause="Bearer hush1234"),
        lambda module: module.fail_json("see https://me:hush@mirror"),
        lambda module: module.exit_json(diff={"before": "K10a::server:hush", "after": "-----BEGIN PRIVATE KEY-----\nhush"}),
        lambda module: module.run_command(["/nonexistent", "https://me:hush@mirror"]),
    ],
)
def test_no_way_out_carries_a_secret(printed, end):
    out = printed(end)
    assert json.loads(out)
    assert "hush" not in out
    assert "********" in out or "nonexistent" in out


def test_a_warning_carries_no_secret(printed, monkeypatch):
    warned = []
    monkeypatch.setattr(basic, "warn", lambda *words, **named: warned.append(f"{words} {named}"))
    printed(lambda module: (module.warn("see https://me:hush@mirror"), module.exit_json()))
    assert "see https://********@mirror" in "".join(warned)


def test_options_are_shown_without_secrets(printed):
    out = printed(lambda module: module.exit_json(), url="https://me:hush@mirror/x", password="hushed")
    assert "hush" not in out + "".join(printed.logged)
    assert "@mirror/x" in json.loads(out)["invocation"]["module_args"]["url"]


def test_options_with_no_log_are_hidden_in_other_spellings(printed):
    out = printed(lambda module: module.exit_json(answer='a \\"hu\\\\sh\\" b', url="hu%5Csh"), password="hu\\sh")
    assert json.loads(out)["answer"] == 'a \\"********\\" b'
    assert json.loads(out)["url"] == "********"


def test_what_a_terminal_obeys_is_written_out(printed):
    out = printed(lambda module: module.fail_json(msg="Server: \x1b[2J\u202e"))
    assert json.loads(out)["msg"] == r"Server: \x1b[2J\u202e"


def test_what_is_asked_for_is_returned(printed):
    def end(module):
        module.returned_secrets = ("token",)
        module.exit_json(token="K10a::server:hush", other="K10a::server:hush")

    found = json.loads(printed(end))
    assert (found["token"], found["other"]) == ("K10a::server:hush", "********")


def test_wrong_options_end_there_too(monkeypatch, capsys):
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {"url": "a", "https://me:hush@mirror": "x"}}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(SystemExit):
        EdgeModule(argument_spec=SPEC)
    assert "hush" not in capsys.readouterr().out
