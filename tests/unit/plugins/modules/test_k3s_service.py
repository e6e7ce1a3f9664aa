# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module with a scripted systemd, journal and API: what it decides, and with which words it ends. Real units are tried on the lab."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import service, unit
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.api import ApiError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.firewall import FirewallError
from ansible_collections.baremesh.edge.plugins.modules import k3s_service
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import ScriptedClock

STATE = {
    "LoadState": "loaded",
    "ActiveState": "inactive",
    "SubState": "dead",
    "UnitFileState": "disabled",
    "NeedDaemonReload": "no",
    "InvocationID": "",
    "NRestarts": "0",
    "ExecMainStartTimestampMonotonic": "0",
}
RUNNING = {"ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "InvocationID": "one"}


class FakeHost:
    """A systemd with one unit, its journal, and a Node."""

    def __init__(self, tmp_path):
        self.clock = ScriptedClock()
        self.state = dict(STATE)
        self.commands = []
        self.journal = []
        self.binary = tmp_path / "k3s"
        self.config = tmp_path / "config.yaml"
        self.record = tmp_path / "state" / "started-k3s.json"
        self.binary.write_bytes(b"one")
        self.config.write_text("a: 1\n")
        self.starts = 0
        #: What comes of a start after a while.
        self.comes_up = True
        #: Whether the former process still runs when systemctl has returned.
        self.lingers = False
        self.node_problem = None
        #: What the unit has logged since it was started.
        self.logged = []

    def run(self, argv, **_options):
        self.commands.append(" ".join(argv))
        if argv[:2] == ["systemctl", "show"]:
            return 0, "".join(f"{name}={value}\n" for name, value in self.state.items()), ""
        if argv[:2] == ["systemctl", "daemon-reload"]:
            self.state.update(LoadState="loaded", NeedDaemonReload="no")
        if argv[:2] == ["systemctl", "enable"]:
            self.state["UnitFileState"] = "enabled"
        if argv[0] == "journalctl" and argv[-1] == f"_SYSTEMD_INVOCATION_ID={self.state['InvocationID']}":
            return 0, "".join(f"{line}\n" for line in self.logged), ""
        if "--no-block" in argv:
            self.starts += 1
            if not self.lingers:
                self.state.update(ActiveState="activating", SubState="start")
            if self.comes_up:
                self.clock.at(self.clock.now + 3, self.up)
        return 0, "", ""

    def up(self):
        self.state.update(RUNNING, InvocationID=f"run{self.starts}", ExecMainStartTimestampMonotonic=str(int(self.clock.now * 1e6)))

    def complain(self, *lines, every=2):
        """Let lines appear in the journal again and again."""

        def again():
            self.journal.extend((self.clock.now, line) for line in lines)
            self.clock.at(self.clock.now + every, again)

        self.clock.at(self.clock.now + every, again)


class FakeJournal:
    def __init__(self, host):
        self.host = host

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        return None

    @property
    def lines(self):
        return [line for _moment, line in self.host.journal]

    def recent(self, seconds):
        return [line for moment, line in self.host.journal if moment >= self.host.clock.now - seconds]

    def wait(self, _settle, timeout):
        self.host.clock.sleep(min(timeout, 1.0) or 0.1)


class FakeApi:
    """An API whose Node is judged as the real one's, with the moment that counts noted."""

    host = None
    judged_since = None

    def __init__(self, kubeconfig):
        self.kubeconfig = kubeconfig

    def wait_readyz(self, _deadline, alive):
        alive()

    def wait_node(self, name, judge, deadline, alive):
        while self.host.node_problem:
            alive()
            if deadline.expired:
                raise ApiError(self.host.node_problem)
            deadline.clock.sleep(1)
        return {"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.10"}]}}


class FakeFirewall:
    """A firewall that asks for what it opens."""

    def __init__(self, *_arguments):
        pass

    def open(self, spec, _check_mode):
        if spec and spec["tcp"] == ["refused"]:
            raise FirewallError("`ufw` fails")
        return [f"ufw allow {port}" for port in spec["tcp"]] if spec else []


@pytest.fixture
def host(monkeypatch, tmp_path):
    fake = FakeHost(tmp_path)
    monkeypatch.setattr(FakeApi, "host", fake)
    monkeypatch.setattr(service, "Api", FakeApi)
    monkeypatch.setattr(k3s_service, "Firewall", FakeFirewall)
    monkeypatch.setattr(unit, "Journal", lambda _name, _cursor: FakeJournal(fake))
    monkeypatch.setattr(k3s_service, "SystemClock", lambda: fake.clock)
    monkeypatch.setattr(k3s_service.EdgeModule, "run_command", lambda _self, argv, **options: fake.run(argv, **options))
    monkeypatch.setattr(k3s_service, "Service", functools.partial(service.Service, state_dir=str(fake.record.parent)))
    monkeypatch.setattr(service.DigestCache, "save", lambda _self: None)
    monkeypatch.setattr(service.DigestCache, "digest", lambda _self, path: Path(path).read_bytes().hex())
    fake.ensure = lambda check=False, **options: run(
        monkeypatch,
        k3s_service,
        check=check,
        **{
            "binary": str(fake.binary),
            "timeout": 60,
            **{key: value for key, value in options.items() if key in ("timeout", "version", "wait", "inputs_changed")},
        },
        service={
            "name": "k3s",
            "files": [str(fake.config), str(tmp_path / "none")],
            "kubeconfig": "/etc/rancher/k3s/k3s.yaml",
            **{key: value for key, value in options.items() if key not in ("timeout", "version", "wait", "inputs_changed")},
        },
    )
    return fake


def test_a_unit_is_enabled_and_started_without_blocking(host):
    result = host.ensure()
    assert result["changed"]
    assert result["action"] == "start"
    assert result["address"] == "192.0.2.10"
    assert "systemctl enable -- k3s.service" in host.commands
    assert "systemctl --no-block start -- k3s.service" in host.commands


def test_a_start_that_is_not_waited_for_is_waited_for_by_the_next_call(host):
    begun = host.ensure(wait=False)
    assert begun["action"] == "start"
    assert begun["address"] is None
    assert json.loads(host.record.read_text())["ready"] is False
    waited = host.ensure()
    assert not waited["changed"]
    assert waited["action"] == "wait"
    assert waited["address"] == "192.0.2.10"
    assert host.starts == 1
    assert json.loads(host.record.read_text())["ready"] is True


def test_what_runs_already_is_looked_at_without_waiting_for_a_start(host):
    host.ensure()
    looked = host.ensure(wait=False)
    assert looked["action"] == "none"
    assert looked["address"] == "192.0.2.10"


def test_a_unit_that_runs_with_the_present_files_is_left_alone(host):
    host.ensure()
    host.commands.clear()
    result = host.ensure()
    assert not result["changed"]
    assert result["action"] == "none"
    assert {command.split()[1] for command in host.commands if command.startswith("systemctl")} == {"show"}


@pytest.mark.parametrize("what", ["binary", "config"])
def test_another_file_restarts_it_whoever_wrote_it(host, what):
    host.ensure()
    getattr(host, what).write_bytes(b"two")
    result = host.ensure()
    assert result["action"] == "restart"
    assert host.starts == 2
    assert host.ensure()["action"] == "none"


def test_a_file_in_a_folder_counts(host, tmp_path):
    folder = tmp_path / "config.yaml.d"
    folder.mkdir()
    host.ensure(files=[str(folder)])
    (folder / "more.yaml").write_text("b: 2\n")
    assert host.ensure(files=[str(folder)])["action"] == "restart"


def test_a_run_that_died_after_writing_is_made_up_for(host):
    """The files changed, the restart never came, and the files do not change again."""
    host.ensure()
    host.config.write_text("a: 2\n")
    assert host.ensure()["action"] == "restart"


def test_files_that_went_back_while_k3s_ran_with_others_restart_it(host):
    host.ensure()
    host.config.write_text("a: 2\n")
    host.comes_up = False
    assert host.ensure()["failed"]
    host.config.write_text("a: 1\n")
    host.comes_up = True
    assert host.ensure()["action"] == "restart"


def test_a_start_that_is_under_way_is_waited_for(host):
    host.comes_up = False
    assert host.ensure()["failed"]
    host.clock.at(host.clock.now + 5, host.up)
    result = host.ensure()
    assert result["action"] == "wait"
    assert not result["changed"]
    assert host.starts == 1


def test_a_unit_that_stopped_is_started(host):
    host.ensure()
    host.state.update(ActiveState="inactive", SubState="dead")
    assert host.ensure()["action"] == "start"


def test_a_node_whose_name_is_known_after_its_start_only_is_waited_for_by_that(host, monkeypatch):
    monkeypatch.setattr(service.nodes, "own_node_name", lambda _given: "edge1-1a2b3c4d")
    seen = []
    monkeypatch.setattr(FakeApi, "wait_node", lambda _self, name, *_rest: seen.append(name) or {"metadata": {"name": name}})
    assert host.ensure()["node_name"] == "edge1-1a2b3c4d"
    assert seen == ["edge1-1a2b3c4d"]


@pytest.mark.parametrize("unit_name", ["k3s", "k3s-agent"])
def test_the_name_is_read_once_k3s_has_chosen_it_and_not_when_its_unit_runs(host, monkeypatch, unit_name):
    """With a log file the unit runs before K3s has done anything."""
    asked, names = [], iter(["edge1", "edge1-0a1b"])
    monkeypatch.setattr(FakeApi, "wait_readyz", lambda *_args: next(names))
    monkeypatch.setattr(service.nodes, "own_node_name", lambda _given: next(names))
    monkeypatch.setattr(FakeApi, "wait_node", lambda _self, name, *_args: asked.append(name) or {})
    host.ensure(name=unit_name)
    assert asked == ["edge1-0a1b"]


def test_a_server_without_a_kubelet_has_no_node_to_wait_for(host, monkeypatch):
    monkeypatch.setattr(FakeApi, "wait_node", lambda *_args: pytest.fail("there is no Node"))
    result = host.ensure(node=False)
    assert result["changed"]
    assert not result["address"]
    assert host.ensure(node=False)["action"] == "none"


def test_the_firewall_is_opened_before_anything_starts(host):
    result = host.ensure(check=True, firewall={"tcp": ["10250"]})
    assert result["changed"]
    assert result["firewall"] == ["ufw allow 10250"]
    assert {"before": "", "after": "ufw allow 10250\n"} in result["diff"]
    refused = host.ensure(firewall={"tcp": ["refused"]})
    assert (refused["failed"], refused["msg"]) == (True, "`ufw` fails")
    assert host.commands[-1:] != ["systemctl --no-block start -- k3s.service"]


def test_units_that_systemd_has_not_read_are_read_first(host):
    host.state.update(LoadState="not-found", NeedDaemonReload="yes")
    host.ensure()
    assert host.commands.index("systemctl daemon-reload") < host.commands.index("systemctl --no-block start -- k3s.service")


def test_check_mode_asks_only(host):
    result = host.ensure(check=True)
    assert result["changed"]
    assert result["action"] == "start"
    assert all(command.startswith("systemctl show") for command in host.commands)
    assert not host.record.exists()


def test_check_mode_knows_what_earlier_tasks_would_write(host):
    host.ensure()
    assert host.ensure(check=True)["action"] == "none"
    assert host.ensure(check=True, inputs_changed=True)["action"] == "restart"


def test_a_reason_that_cannot_heal_ends_the_wait_at_once(host):
    host.comes_up = False
    host.complain('level=fatal msg="flag provided but not defined: -tls-san"')
    result = host.ensure()
    assert result["failed"]
    assert "has the key 'tls-san'" in result["cause"]
    assert result["elapsed"] < 5
    assert result["journal"]


def test_a_reason_that_may_heal_is_given_time(host):
    host.comes_up = False
    host.complain(
        'level=error msg="Failed to validate connection to cluster at https://192.0.2.10:6443: failed to get CA certs: connection refused"'
    )
    result = host.ensure()
    assert "cannot be reached from this host (connection refused)" in result["cause"]
    assert 20 <= result["elapsed"] < 30


def test_a_reason_that_healed_is_forgotten(host):
    host.comes_up = False
    line = 'msg="server is not ready: https://127.0.0.1:6444/v1-k3s/config: 401 Unauthorized"'
    host.clock.at(1, lambda: host.journal.append((1, line)))
    host.clock.at(40, host.up)
    assert not host.ensure()["failed"]


IN_USE = 'level=fatal msg="kube-apiserver exited: listen tcp 127.0.0.1:6444: bind: address already in use"'


def test_a_port_that_the_former_start_still_holds_is_waited_for(host):
    """With a log file systemd knows only the process that writes it, which is gone before the one that works."""
    host.comes_up = False
    host.clock.at(1, lambda: host.journal.append((1, IN_USE)))
    host.clock.at(8, host.up)
    assert not host.ensure()["failed"]


def test_a_port_that_another_process_keeps_ends_the_wait(host):
    host.comes_up = False
    host.complain(IN_USE, every=5)
    result = host.ensure()
    assert "another process listens on 127.0.0.1:6444" in result["cause"]
    assert result["elapsed"] < 30


def test_without_a_known_reason_the_last_complaint_is_told(host):
    host.comes_up = False
    host.complain('level=fatal msg="something new"')
    result = host.ensure(timeout=10)
    assert "is still activating (start) at the end of the time allowed; its last complaint: something new" in result["msg"]


def test_without_a_line_that_is_told_too(host):
    host.comes_up = False
    assert "its journal has no line since then" in host.ensure(timeout=10)["msg"]


def test_a_unit_that_ends_again_and_again_is_not_waited_for(host):
    host.comes_up = False
    host.complain('level=fatal msg="something new"')
    for number in (1, 2, 3):
        host.clock.at(number * 5, functools.partial(host.state.__setitem__, "NRestarts", str(number)))
    result = host.ensure()
    assert "ends again and again; its last complaint: something new" in result["msg"]
    assert result["elapsed"] < 20


@pytest.mark.parametrize("failed", [{"ActiveState": "failed", "SubState": "failed"}, {"NRestarts": "3"}])
def test_a_unit_that_failed_is_not_waited_for(host, failed):
    host.comes_up = False
    host.clock.at(5, lambda: host.state.update(failed))
    result = host.ensure()
    assert "ends again and again" in result["msg"]
    assert 5 <= result["elapsed"] < 8


@pytest.mark.parametrize(("restarts", "failed"), [("2", False), ("3", True)])
def test_restarts_before_a_start_do_not_count(host, restarts, failed):
    """With a start systemd begins to count anew."""
    host.state["NRestarts"] = "7"
    host.clock.at(1, lambda: host.state.update(NRestarts="0"))
    host.clock.at(2, lambda: host.state.update(NRestarts=restarts))
    assert bool(host.ensure()["failed"]) is failed


def test_a_failed_unit_is_reset_before_it_is_started(host):
    host.state.update(ActiveState="failed", SubState="failed")
    assert not host.ensure()["failed"]
    assert host.commands.index("systemctl reset-failed -- k3s.service") < host.commands.index("systemctl --no-block start -- k3s.service")


def test_a_process_that_has_not_ended_yet_is_not_the_restarted_one(host):
    host.ensure()
    host.config.write_text("a: 2\n")
    host.lingers = True
    before = host.clock.now
    result = host.ensure()
    assert (result["action"], result["failed"]) == ("restart", False)
    assert host.clock.now - before >= 3
    host.config.write_text("a: 3\n")
    host.comes_up = False
    assert "at the end of the time allowed" in host.ensure(timeout=10)["msg"]


def test_a_unit_that_dies_while_its_node_is_waited_for_is_told_by_its_reason(host):
    host.node_problem = "Node 'edge1' is not Ready"

    def die():
        host.state.update(ActiveState="activating", SubState="auto-restart")
        host.journal.append((host.clock.now, 'err="failed to parse kubelet flag: unknown flag: --no-such"'))

    host.clock.at(10, die)
    result = host.ensure()
    assert "kubelet-arg has the flag 'no-such'" in result["cause"]
    assert result["elapsed"] < 15


def test_a_node_that_does_not_get_ready_is_told(host):
    host.node_problem = "Node 'edge1' is not Ready: cni plugin not initialized"
    result = host.ensure(timeout=20)
    assert "cni plugin not initialized" in result["cause"]
    assert json.loads(host.record.read_text())["ready"] is False


LOST = "Error encountered while importing {}: exit status 1: ctr: write /var/lib/rancher/k3s/agent/x: {}"


def logged(level, text):
    return f'time="2026-11-28T08:00:00Z" level={level} msg="{text}"'


@pytest.mark.parametrize("reason", ["no space left on device", "disk quota exceeded"])
@pytest.mark.parametrize("wait", [True, False], ids=["waited for", "waited for later"])
def test_images_that_a_full_disk_kept_out_are_named_and_imported_by_the_next_run(host, wait, reason):
    host.logged = [logged("error", LOST.format("/a b/istio.tar.zst", reason)), logged("info", "k3s is up and running")]
    if not wait:
        assert host.ensure(wait=False)["changed"]
    result = host.ensure()
    first = result["msg"].splitlines()[0]
    assert "the disk is full: /a b/istio.tar.zst was not imported" in first
    assert reason in first
    host.logged = []
    again = host.ensure()
    assert again["action"] == "restart"
    assert host.ensure()["action"] == "none"


def test_a_full_disk_is_the_reason_of_a_node_that_never_comes(host):
    host.logged = [logged("error", LOST.format("/istio.tar.zst", "no space left on device"))]
    host.node_problem = "the API has no Node 'edge1': the host has not joined"
    assert "the disk is full: /istio.tar.zst" in host.ensure(timeout=20)["cause"]


@pytest.mark.parametrize(
    ("lines", "warned"),
    [
        ([logged("error", LOST.format("/a.tar", "no space left on device")), logged("info", "Imported images from /a.tar in 2.1s")], []),
        ([logged("info", "Imported images from /no space left on device.tar in 1s")], []),
        (
            [logged("error", LOST.format("/notes.tar", "archive/tar: invalid tar header"))],
            ["K3s could not import /notes.tar: exit status 1: ctr: write /var/lib/rancher/k3s/agent/x: archive/tar: invalid tar header."],
        ),
    ],
    ids=["imported after all", "a strange name", "no archive"],
)
def test_other_lines_about_images_do_not_end_a_run(host, monkeypatch, lines, warned):
    warnings = []
    monkeypatch.setattr(k3s_service.EdgeModule, "warn", lambda _self, text: warnings.append(text))
    host.logged = lines
    host.ensure()
    assert warnings == warned
    host.ensure()
    assert warnings == warned


def test_the_report_of_a_restarted_node_must_be_newer_than_the_start(host, monkeypatch):
    seen = []
    monkeypatch.setattr(service.nodes, "why_not_ready", lambda *arguments: seen.append(arguments[-1]))
    monkeypatch.setattr(FakeApi, "wait_node", lambda _self, _name, judge, _deadline, _alive: judge({}) or {})
    host.ensure()
    host.ensure()
    assert seen[0] == pytest.approx(host.clock.wall(), abs=5)
    assert seen[1] == 0.0


def test_a_systemd_that_refuses_is_quoted(host, monkeypatch):
    monkeypatch.setattr(k3s_service.EdgeModule, "run_command", lambda _self, _argv, **_options: (1, "", "Failed to connect to bus\n"))
    assert "Failed to connect to bus" in host.ensure()["msg"]


def test_a_changed_configuration_is_written_and_restarts_the_unit(host):
    host.ensure()
    file = {"path": str(host.config), "secret": "token: hush\nb: 2\n", "hide": ["token"]}
    planned = host.ensure(check=True, configuration=[file])
    assert (planned["changed"], planned["action"], host.config.read_text()) == (True, "restart", "a: 1\n")
    done = host.ensure(configuration=[file])
    assert (done["changed"], done["action"], done["written"]) == (True, "restart", [str(host.config)])
    assert "hush" not in json.dumps([planned, done])
    assert [each["after"] for each in done["diff"]] == ["# mode 0600\ntoken: ********\nb: 2\n", "active, restarted\n"]
    again = host.ensure(configuration=[file])
    assert (again["changed"], again["action"], again["diff"]) == (False, "none", [])


def test_a_configuration_that_cannot_be_written_starts_nothing(host, tmp_path):
    (tmp_path / "folder").mkdir()
    found = host.ensure(configuration=[{"path": str(tmp_path / "folder"), "content": "a: 1\n"}])
    assert found["msg"].startswith("The configuration of K3s cannot be written: ")
    assert host.starts == 0


#: Journal lines that repeat what the configuration holds, as kine and K3s do.
DSN = "postgres://k3s:p%zzq/s@db.example.com/k3s"


@pytest.mark.parametrize(
    ("configuration", "line", "secret"),
    [
        (
            f"datastore-endpoint: {DSN}\n",
            f'level=fatal msg="failed to parse datastore: parse \\"{DSN}\\": invalid URL escape \\"%zz\\""',
            "%zzq/s",
        ),
        ("datastore-endpoint: mysql://k3s:qqq@tcp(db)/k3s\n", 'level=fatal msg="invalid DSN: k3s:qqq@tcp(db)/k3s"', "qqq"),
        ("datastore-endpoint: postgres://k3s:q@q q@db/k3s\n", 'level=fatal msg="host q@q q@db/k3s has no port"', "q@q q"),
        ("token: correct horse\n", 'level=fatal msg="failed to normalize token correct horse"', "correct horse"),
        ("vpn-auth: name=tailscale,joinKey=hush-hush\n", 'level=fatal msg="tailscale up --authkey hush-hush failed"', "hush-hush"),
        ("b: 1\n", 'level=fatal msg="https://me:hush@mirror.example.com/v2 answers 401"', "hush"),
        ("b: 1\n", f'level=fatal msg="token K10{"a" * 64}::server:hush is refused"', "hush"),
    ],
)
def test_no_line_of_the_journal_carries_a_secret(host, configuration, line, secret):
    host.comes_up = False
    host.complain(line)
    keys = ["token", "datastore-endpoint", "vpn-auth"]
    result = host.ensure(configuration=[{"path": str(host.config), "secret": configuration, "hide": keys}])
    assert result["failed"]
    assert result["journal"]
    assert secret not in json.dumps(result)
    assert "********" in result["msg"]


def test_a_secret_that_is_being_replaced_is_hidden_too(host):
    host.config.write_text("token: former-token\n")
    host.comes_up = False
    host.complain('level=fatal msg="bootstrap data already found, not former-token"')
    result = host.ensure(configuration=[{"path": str(host.config), "secret": "token: present-token\n", "hide": ["token"]}])
    assert "former-token" not in json.dumps(result)


@pytest.mark.parametrize("text", ['HTTPS_PROXY="http://me:hush-hush@proxy:3128"\n', 'NO_PROXY="a"\nK3S_TOKEN="hush-hush"\n', "hush-hush"])
def test_secrets_of_files_without_keys_are_hidden(host, tmp_path, text):
    host.comes_up = False
    host.complain('level=fatal msg="hush-hush is wrong, and proxy:3128 and a are not"')
    result = host.ensure(configuration=[{"path": str(tmp_path / "k3s.env"), "secret": text}])
    assert "hush-hush" not in json.dumps(result)
    assert "proxy:3128 and a are not" in result["msg"]


def test_words_of_a_secret_file_that_are_none_stay(host):
    """The whole file is one secret to Ansible; its harmless words are not hidden in messages."""
    host.comes_up = False
    host.complain('level=fatal msg="mirrors of docker.io: admin is refused"')
    file = {
        "path": str(host.config),
        "secret": "mirrors:\nconfigs:\n  docker.io:\n    auth:\n      username: admin\n      password: hush\n",
    }
    assert "mirrors of docker.io: admin is refused" in host.ensure(configuration=[{**file, "hide": ["auth", "password"]}])["msg"]


def test_no_line_of_the_journal_steers_a_terminal(host):
    host.comes_up = False
    host.complain('level=fatal msg="\x1b[2Jcleared\u202e"')
    assert r"\x1b[2Jcleared\u202e" in host.ensure()["msg"]
