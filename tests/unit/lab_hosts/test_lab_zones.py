# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zones of a lab: who serves them, and who may write."""

from __future__ import annotations

from edge_lab import infra, zones


def test_the_parent_delegates_a_zone_to_its_servers(lab):
    lines = zones.parent_file(lab).splitlines()
    assert "shop.example. NS first.shop.example." in lines
    assert f"second.lame.example. A {zones.address(lab, 'second')}" in lines
    assert not any("absent.example" in line for line in lines)


def test_holders_of_the_key_write_txt_records_of_open_zones_only(lab):
    conf = zones.files(lab)["/etc/edge-lab/named.conf"].decode()
    assert conf.count("grant edge-dns01 subdomain shop.example. TXT;") == 1
    assert "subdomain company.example" not in conf
    assert f'secret "{zones.key(lab)}"' in conf
    assert (lab.folder / "dns/edge-dns01.key").stat().st_mode & 0o077 == 0


def test_the_resolver_asks_for_the_parent_in_its_place(lab):
    assert f"server=/example/{zones.address(lab, 'resolver')}" in infra.dnsmasq_conf(lab, []).splitlines()
