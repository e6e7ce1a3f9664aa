# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.plugin_utils._host_ports_verdict import host_ports_verdict

SILENCE = "from the controller: 192.0.2.1 does not answer on port 80; the way there may be closed to the controller alone"


def proof(**keys):
    checks = [{"address": "10.0.0.1", "port": 80, "state": "works", "origin": "host"}]
    return {"reason": "", "pending": [], "untried": [], "answering": [80], "checks": checks, **keys}


def asked(**ports):
    """What host_ports_info says of the controller."""
    return {port[4:]: answers for port, answers in ports.items()}


def judged(answers, served=(), **keys):
    return host_ports_verdict(proof(**keys), "a", answers, ["192.0.2.1"], served)


def test_ports_that_answer_everywhere_need_no_word():
    assert judged({"a": asked(port80=True)}) == {"failure": "", "notes": [], "says": False}


def test_silence_alone_is_a_note():
    assert judged({"a": asked(port80=False)}) == {"failure": "", "notes": [SILENCE], "says": True}
    assert judged({"a": asked(port80=False), "b": asked(port80=False)}) == {"failure": "", "notes": [SILENCE], "says": True}


def test_a_host_that_is_silent_while_another_answers_fails():
    found = judged({"a": asked(port80=False), "b": asked(port80=True), "c": asked(port80=False)})
    assert found["failure"].startswith("Port 80 of a does not answer from outside, and of b it does. With externalTrafficPolicy Local only")
    assert found["failure"].endswith("or let DNS name b only and say so in edge_addresses.")


def test_another_port_of_another_host_proves_nothing():
    assert judged({"a": asked(port80=False), "b": asked(port80=False, port443=True)})["failure"] == ""


def test_a_host_that_dns_does_not_name_may_be_silent():
    answers = {"a": asked(port80=False), "b": asked(port80=True)}
    assert judged(answers, ["192.0.2.2"])["failure"] == ""
    assert judged(answers, ["192.0.2.1"])["failure"] != ""
    # By an address at which the host has connected to itself.
    assert judged(answers, ["10.0.0.1"])["failure"] != ""


def test_what_could_not_be_proved_is_noted():
    found = judged({}, reason="backend nftables, because", pending=["port 80 is not proved"], untried=["from a pod: none"])
    assert found["notes"] == ["backend nftables, because", "port 80 is not proved", "from a pod: none"]
    # Where no port answers the host itself, more places to try from are no news.
    assert judged({}, answering=[], untried=["from a pod: none"])["notes"] == []


def test_a_skipped_loop_is_no_answer():
    assert judged({"a": {"skipped": True}, "b": {"results": []}}) == {"failure": "", "notes": [], "says": False}
