# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import threading

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._host_ports import proof
from ansible_collections.baremesh.edge.plugins.module_utils._host_ports.model import HostPort

ENTRY = HostPort(80, 30080)


def network(**answers):
    """A network in which only the named ports answer; the others say why not."""
    return lambda _address, port: answers.get(f"port{port}", "connection refused")


def test_a_host_port_that_answers_works_and_the_node_port_is_not_asked():
    asked = []

    def connect(_address, port):
        asked.append(port)

    check = proof.check(ENTRY, "192.0.2.1", connect)
    assert (check.state, asked, check.text) == ("works", [80], "192.0.2.1:80 answers")


def test_nothing_behind_it_yet_is_pending_and_said():
    check = proof.check(ENTRY, "2001:db8::1", network())
    assert check.state == "pending"
    assert check.text == "nothing answers on NodePort 30080 (connection refused), so [2001:db8::1]:80 cannot either (connection refused)"


def test_pending_is_one_sentence_a_port():
    assert proof.pending(proof.check_all([ENTRY], ["192.0.2.1", "2001:db8::1", "127.0.0.1"], network())) == [
        (
            "port 80 is not proved at 192.0.2.1, 2001:db8::1: nothing answers on NodePort 30080 there; "
            "the gateway has no ready pod yet, or no site has opened the port on it"
        )
    ]


def one_family(address, _port):
    return "connection refused" if ":" in address or address.startswith("127.") else None


def test_a_service_of_one_family_is_named_because_of_dns():
    checks = proof.check_all([ENTRY], ["192.0.2.1", "2001:db8::1", "127.0.0.1"], one_family)
    assert proof.pending(checks) == [
        (
            "port 80 is not proved at 2001:db8::1: nothing answers on NodePort 30080 there; "
            "the gateway answers at 192.0.2.1 only, so no DNS name should point to the other address"
        )
    ]
    assert proof.failures(checks, required=True) == []


def test_silent_loopback_is_not_worth_a_sentence():
    assert proof.pending(proof.check_all([ENTRY], ["192.0.2.1", "127.0.0.1"], one_family)) == []


def test_addresses_that_the_user_named_must_all_answer():
    checks = proof.check_all([ENTRY], ["192.0.2.1", "127.0.0.1"], one_family)
    assert len(proof.failures(checks, required=True, every=True)) == 1


def test_a_node_port_that_answers_alone_is_a_failure():
    check = proof.check(ENTRY, "2001:db8::1", network(port30080=None))
    assert check.state == "fails"
    assert check.text.startswith("[2001:db8::1]:80 does not answer (connection refused) though NodePort 30080 does: ")


@pytest.mark.parametrize("required", [False, True])
def test_pending_fails_only_where_an_answer_is_required_and_never_for_loopback(required):
    checks = proof.check_all([ENTRY], ["192.0.2.1", "127.0.0.1"], network())
    assert proof.failures(checks, required) == (proof.pending(checks) if required else [])


def test_a_broken_host_port_fails_always_even_on_loopback():
    checks = proof.check_all([ENTRY], ["127.0.0.1"], network(port30080=None))
    assert len(proof.failures(checks, required=False)) == 1


def test_connect_distinguishes_an_answer_from_a_refusal_and_from_silence():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        accepted = threading.Thread(target=server.accept, daemon=True)
        accepted.start()
        assert proof.connect("127.0.0.1", port) is None
        accepted.join(5)
    assert proof.connect("127.0.0.1", port) == "connection refused"


def test_connect_says_how_long_it_waited(monkeypatch):
    def never(*_arguments, **_options):
        raise socket.timeout

    monkeypatch.setattr(socket, "create_connection", never)
    assert proof.connect("192.0.2.1", 80, timeout=0.5) == "no answer within 0.5 s"
