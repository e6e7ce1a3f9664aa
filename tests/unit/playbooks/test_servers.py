# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which the servers of a cluster start, by the playbooks and roles with modules of K3s that only note what they are asked."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
MODULE = """#!/usr/bin/python
# WANT_JSON
import json, os, sys
asked = json.load(open(sys.argv[1]))
events = os.environ["K3S_EVENTS"]
before = open(events).read() if os.path.exists(events) else ""
def note(text):
    with open(events, "a") as file:
        file.write(text + "\\n")
def answer(**result):
    print(json.dumps(result))
    sys.exit()
"""
#: The first server has its tokens once it has started, and not before.
INFO = """
note("ask for " + asked["kind"])
started = "ready edge1" in before
answer(changed=False, url="https://192.0.2.1:6443", token="t" if started else None, agent_token="a" if started else None)
"""
RELEASE = """
answer(changed=False, restart_needed=False)
"""
SERVICE = """
import re
file = next(file for file in asked["service"]["configuration"] if file["path"].endswith("config.yaml"))
config = file.get("content") or file["secret"]
name = re.search("node-name: (.*)", config)[1]
words = [word for word, key in (("begins etcd", "cluster-init: true"), ("joins", "server: https://192.0.2.1:6443")) if key in config]
note(" ".join(["start", name, *words]))
if name == os.environ.get("K3S_BROKEN"):
    answer(failed=True, msg=name + " does not come up")
note("ready " + name)
answer(changed=True, action="start", node_name=name)
"""
NODE = """
note("see " + asked["name"])
answer(changed=False)
"""
FAKES = {"k3s_info": INFO, "k3s_release": RELEASE, "k3s_service": SERVICE, "k3s_node": NODE}


@pytest.fixture
def events(tmp_path, monkeypatch):
    """The file of what the modules were asked for, in order."""
    collection = tmp_path / "collections/ansible_collections/baremesh/edge"
    for folder in ("meta", "playbooks", "plugins", "roles"):
        shutil.copytree(ROOT / folder, collection / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "galaxy.yml", collection)
    for name, body in FAKES.items():
        (collection / f"plugins/modules/{name}.py").write_text(MODULE + body, encoding="utf-8")
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(tmp_path / "collections"))
    monkeypatch.setenv("K3S_EVENTS", str(tmp_path / "events"))
    return tmp_path / "events"


def cluster(servers, agents=0, **variables):
    def hosts(first, last, kind):
        here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        return {"hosts": {f"edge{n}": {**here, f"k3s_{kind}_config": {"node-name": f"edge{n}", **variables}} for n in range(first, last)}}

    children = {"server": hosts(1, servers + 1, "server"), "agent": hosts(servers + 1, servers + agents + 1, "agent")}
    return {"k3s_cluster": {"children": children}}


#: The plays of the site that start K3s; another one between them is about tools.
CLUSTER = [
    {"import_playbook": "baremesh.edge.target", "vars": {"edge_scope": "cluster"}},
    *(
        {**each, "vars_files": [str(ROOT / "playbooks/vars/edge.yml")]}
        for each in yaml.safe_load((ROOT / "playbooks/parts/cluster.yml").read_text(encoding="utf-8"))
        if each["hosts"] in ("server", "agent")
    ),
]
PLAYBOOKS = [pytest.param("k3s.yml", id="k3s"), pytest.param(CLUSTER, id="site")]
THREE = [
    "start edge1 begins etcd",
    "ready edge1",
    "ask for server",
    "start edge2 joins",
    "ready edge2",
    "ask for server",
    "start edge3 joins",
    "ready edge3",
]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_servers_start_one_after_the_other_and_agents_after_them(play, events, playbook):
    run = play(playbook, cluster(3, 1))
    assert run.status == 0, run.output
    assert events.read_text().splitlines() == [*THREE, "ask for agent", "start edge4 joins", "ready edge4", "see edge4"]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
@pytest.mark.parametrize(("broken", "count"), [("edge1", 1), ("edge2", 4), ("edge3", 7)])
def test_no_server_is_touched_after_one_that_did_not_come_up(play, events, monkeypatch, playbook, broken, count):
    """A restart of the next one would cost the others their majority."""
    monkeypatch.setenv("K3S_BROKEN", broken)
    run = play(playbook, cluster(3, 1))
    assert run.status != 0
    assert run.messages == [f"{broken} does not come up"]
    assert events.read_text().splitlines() == THREE[:count]


@pytest.mark.parametrize(
    ("servers", "config", "first"),
    [
        (1, {}, "start edge1"),
        (2, {}, "start edge1 begins etcd"),
        (2, {"datastore-endpoint": "postgres://k3s@db.example.com/k3s"}, "start edge1"),
    ],
)
def test_the_datastore_follows_the_number_of_servers(play, events, servers, config, first):
    run = play("k3s.yml", cluster(servers, **config))
    assert run.status == 0, run.output
    assert events.read_text().splitlines()[0] == first


def test_a_limit_that_leaves_out_the_first_server_joins_the_others(play, events):
    events.write_text("ready edge1\n")
    run = play("k3s.yml", cluster(3), "--limit", "edge2,edge3")
    assert run.status == 0, run.output
    assert events.read_text().splitlines()[1:] == THREE[2:]
