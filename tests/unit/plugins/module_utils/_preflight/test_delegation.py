# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones of challenges, and servers that do not have them. The scenario dns01 asks BIND the same."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._preflight import dns
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.delegation import Delegations

RESOLVER, FIRST, SECOND = "192.0.2.1", "192.0.2.11", "192.0.2.12"
ASKED = {"name": "app.shop.example", "follow": False, "resolvers": [RESOLVER], "servers": True}


def record(name, kind, data):
    return dns.wire(name) + struct.pack("!2HIH", kind, 1, 60, len(data)) + data


def soa(name, serial=1):
    return record(name, dns.SOA, dns.wire("ns1." + name) + dns.wire("host." + name) + struct.pack("!5I", serial, 1, 1, 1, 1))


def server_names(zone, *names):
    return [record(zone, dns.NS, dns.wire(name)) for name in names]


def host(name, address):
    return [record(name, dns.A, bytes(map(int, address.split("."))))]


class World:
    """Name servers, by what each has: records by name and kind, or the code with which it answers."""

    def __init__(self, **servers):
        self.servers = {RESOLVER: {}, **servers}
        self.asked = []

    def __call__(self, server, message, _timeout):
        name, end = dns._name(message, 12)
        (kind,) = struct.unpack_from("!H", message, end)
        self.asked.append((server, name, kind))
        held = self.servers.get(server)
        if held is None:
            raise TimeoutError("timed out")
        found = held.get((name, kind), [])
        code, records = (found, []) if isinstance(found, int) else (0, found)
        flags = 0x8000 | code | (0 if server == RESOLVER else dns.AUTHORITATIVE)
        return message[:2] + struct.pack("!5H", flags, 1, len(records), 0, 0) + message[12:] + b"".join(records)

    def look(self, **asked):
        return Delegations(1, self).look({**ASKED, **asked})


@pytest.fixture
def world():
    """A zone with two servers, both of which have it."""
    found = World()
    found.servers[RESOLVER] = {
        ("shop.example", dns.SOA): [soa("shop.example")],
        ("shop.example", dns.NS): server_names("shop.example", "ns1.shop.example", "ns2.shop.example"),
        ("ns1.shop.example", dns.A): host("ns1.shop.example", FIRST),
        ("ns2.shop.example", dns.A): host("ns2.shop.example", SECOND),
    }
    found.servers |= {address: {("shop.example", dns.SOA): [soa("shop.example", 7)]} for address in (FIRST, SECOND)}
    return found


def test_a_zone_whose_servers_all_have_it(world):
    found = world.look()
    assert (found["zone"], found["alias"], found["error"]) == ("shop.example", "", "")
    assert [(each["name"], each["address"], each["serial"], each["problem"]) for each in found["servers"]] == [
        ("ns1.shop.example", FIRST, 7, ""),
        ("ns2.shop.example", SECOND, 7, ""),
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({SECOND: {("shop.example", dns.SOA): 5}}, "it does not have the zone (REFUSED)"),
        ({SECOND: {}}, "it does not have the zone"),
        (
            {SECOND: {("shop.example", dns.SOA): [record("shop.example", dns.SOA, b"\0\0")]}},
            "its SOA record of shop.example cannot be read",
        ),
        ({SECOND: None}, "timed out"),
    ],
)
def test_a_server_that_does_not_have_the_zone(world, change, problem):
    world.servers |= change
    first, second = world.look()["servers"]
    assert (first["problem"], second["problem"]) == ("", problem)


def test_a_server_that_has_no_address(world):
    del world.servers[RESOLVER]["ns1.shop.example", dns.A]
    assert world.look()["servers"][0]["problem"] == "it has no IPv4 address"


def test_a_zone_that_the_parent_does_not_delegate():
    world = World()
    world.servers[RESOLVER] = {("shop.example", dns.SOA): dns.NO_SUCH_NAME, ("example", dns.SOA): [soa("example")]}
    assert world.look(servers=False) == {"name": "app.shop.example", "alias": "", "zone": "example", "servers": [], "error": ""}
    assert world.look(name="app.nowhere")["zone"] == ""


@pytest.mark.parametrize(("code", "name"), [(2, "SERVFAIL"), (4, "NOTIMP"), (5, "REFUSED"), (11, "code 11")])
def test_a_resolver_that_cannot_answer(world, code, name):
    world.servers[RESOLVER]["shop.example", dns.SOA] = code
    assert world.look()["error"] == f"the SOA record of shop.example is answered by {name}"


def test_a_resolver_that_does_not_answer(world):
    world.servers[RESOLVER] = None
    assert world.look()["error"] == f"name server {RESOLVER}: timed out"


def test_an_alias_is_followed_where_the_solver_does(world):
    challenge = "_acme-challenge.app.company.example"
    world.servers[RESOLVER] |= {
        (challenge, dns.CNAME): [record(challenge, dns.CNAME, dns.wire("app.shop.example"))],
        ("company.example", dns.SOA): [soa("company.example")],
    }
    stays, followed = (world.look(name="app.company.example", follow=follow) for follow in (False, True))
    assert (stays["alias"], stays["zone"]) == ("app.shop.example", "company.example")
    assert (followed["alias"], followed["zone"]) == ("app.shop.example", "shop.example")


def test_aliases_in_a_circle_come_to_an_end(world):
    one, two = "_acme-challenge.a.shop.example", "b.shop.example"
    world.servers[RESOLVER] |= {(name, dns.CNAME): [record(name, dns.CNAME, dns.wire(to))] for name, to in ((one, two), (two, one))}
    assert world.look(name="a.shop.example", follow=True)["zone"] == "shop.example"


def test_the_servers_of_a_zone_are_asked_once(world):
    looks = Delegations(1, world)
    assert looks.look(ASKED)["servers"] == looks.look({**ASKED, "name": "other.shop.example"})["servers"]
    assert [asked for asked in world.asked if asked[0] == FIRST] == [(FIRST, "shop.example", dns.SOA)]


@pytest.mark.parametrize("name", ["b\u00fccher.example", "a" * 300 + ".example"])
def test_a_name_that_cannot_be_asked_for(world, name):
    assert "is not a name that can be asked for" in world.look(name=name)["error"]


def test_a_name_that_points_to_itself_cannot_be_read():
    with pytest.raises(dns.DnsError):
        dns.read(struct.pack("!6H", 1, 0x8180, 1, 0, 0, 0) + b"\xc0\x0c" + struct.pack("!2H", 1, 1))
