# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.addresses import interface_address


def test_an_interface_with_ipv6_only(tmp_path):
    table = tmp_path / "if_inet6"
    table.write_text(
        "fe800000000000000000000000000001 05 40 20 80      wg9\n20010db8000000000000000000000007 05 40 00 80      wg9\n"
        "20010db8000000000000000000000008 06 40 00 80     eth9\n"
    )
    assert interface_address("wg9", str(table)) == "2001:db8::7"
    assert interface_address("none9", str(table)) == ""
