# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says of hosts.

Private to baremesh.edge: other collections must not import it, it changes without notice.
"""

from __future__ import annotations

import typing as t


def host_addresses(hosts: t.Sequence[str], hostvars: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """Return under which address or name each host answers.

    :arg hosts: inventory names.
    :arg hostvars: the variables of all hosts. C(edge_address) wins over C(ansible_host), and that over the name.
    """
    return [str(hostvars[host].get("edge_address") or hostvars[host].get("ansible_host") or host) for host in hosts]
