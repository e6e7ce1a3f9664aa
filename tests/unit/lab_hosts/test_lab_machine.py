# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import configparser

import pytest

from edge_lab import machine


def read(text):
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return dict(parser.items("global"))


def test_pip_goes_where_the_machines_goes_and_trusts_the_hosts_bundle():
    made = read(machine.pip_conf(["[global]\nindex-url = https://one.test/simple\ncert = /somewhere/else.pem\n"], {}))
    assert made == {"index-url": "https://one.test/simple", "cert": machine.CA_BUNDLE}


def test_later_files_and_then_variables_win():
    files = ["[global]\nindex-url = https://one.test\ntimeout = 5\n", "[global]\nindex-url = https://two.test\n"]
    assert read(machine.pip_conf(files, {}))["index-url"] == "https://two.test"
    made = read(machine.pip_conf(files, {"PIP_INDEX_URL": "https://three.test", "PIP_TRUSTED_HOST": "a.test b.test"}))
    assert made["index-url"] == "https://three.test"
    assert made["timeout"] == "5"
    assert made["trusted-host"].split() == ["a.test", "b.test"]


def test_folders_of_the_machine_stay_there():
    made = machine.pip_conf(["[global]\nfind-links = /opt/x\ncache-dir = /y\n[install]\nuser = true\n"], {"PIP_FIND_LINKS": "/opt/wheels"})
    assert "/opt" not in made
    assert "/y" not in made
    assert "user" not in made


DUMP = """Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://proxy.test:3128";
Acquire::http::Proxy::archive.test "DIRECT";
Acquire::http::User-Agent "x";
Acquire::https::Verify-Peer "false";
Acquire::Check-Valid-Until "false";
Acquire::GzipIndexes "true";
Acquire::cdrom::mount "/media/cdrom/";
"""


def test_apt_gets_the_ways_out_and_nothing_else():
    assert machine.apt_conf(DUMP, {}).splitlines() == [
        'Acquire::http::Proxy "http://proxy.test:3128";',
        'Acquire::http::Proxy::archive.test "DIRECT";',
        'Acquire::https::Verify-Peer "false";',
        'Acquire::Check-Valid-Until "false";',
    ]


def test_a_proxy_variable_counts_only_where_apt_has_no_setting():
    environment = {"http_proxy": "http://env.test:1", "https_proxy": "http://env.test:2"}
    lines = machine.apt_conf(DUMP, environment).splitlines()
    assert 'Acquire::https::Proxy "http://env.test:2";' in lines
    assert not any("env.test:1" in line for line in lines)


TWO_STANZAS = """Types: deb
URIs: http://sec.test/x
Suites: trixie-security
Components: main

Types: deb deb-src
# old
URIs: http://mirror.test/debian
Suites: trixie trixie-updates
Components: main
"""


@pytest.mark.parametrize(
    ("sources", "archive"),
    [
        ("", ""),
        ("deb http://mirror.test/debian/ bookworm main contrib\n", "http://mirror.test/debian"),
        ("deb [arch=amd64 signed-by=/x] https://mirror.test/debian bookworm main\n", "https://mirror.test/debian"),
        (
            "# deb http://old.test/debian bookworm main\ndeb http://sec.test/debian-security bookworm-security main\n",
            "",
        ),
        ("Types: deb\nURIs: https://dl.test/apt\nSuites: stable-tools\nComponents: main\n", ""),
        (TWO_STANZAS, "http://mirror.test/debian"),
    ],
)
def test_the_archive_is_the_machines(sources, archive):
    assert machine.archive_of(sources) == archive


def test_resolvers_on_the_loopback_are_not_those_of_a_container():
    stub = "nameserver 127.0.0.53\noptions edns0\n"
    real = "# comment\nnameserver 192.0.2.53\nnameserver fd00::53\nsearch example.com\n"
    assert machine.upstream_resolvers(stub, real) == ["192.0.2.53", "fd00::53"]
    assert machine.upstream_resolvers(real, stub) == ["192.0.2.53", "fd00::53"]
    assert machine.upstream_resolvers(stub, "nameserver ::1\n") == []
