# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials as users give them.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential


def parse_credentials(given: Sequence[Mapping[str, Any]]) -> list[Credential]:
    """The option credentials as objects. Raises ValueError with the sentence for the user."""
    if not given:
        raise ValueError("credentials is empty: name at least one credential, with its hosts")
    found: list[Credential] = []
    for entry in given:
        name = str(entry["name"])
        hosts = tuple(str(h) for h in entry["hosts"])
        names = tuple(str(n) for n in entry.get("credential_names") or ())
        if not hosts:
            raise ValueError("credentials has no hosts for %s: name at least one, its certificate is asked for by it" % name)
        for host in hosts:
            if host == "*" or "/" in host:
                raise ValueError("credentials has the host %r for %s: give DNS names that the certificate must cover" % (host, name))
        if "/" in name:
            raise ValueError("credentials has the name %r: give the name of a Secret in the namespace of the gateway pods" % name)
        if len(names) > 2:
            raise ValueError("credential_names of %s has %d entries, Istio allows two: an RSA and an ECDSA one" % (name, len(names)))
        if any(c.name == name for c in found):
            raise ValueError("credentials has %s twice: list all its hosts in one entry" % name)
        found.append(Credential(name, hosts, str(entry.get("mode") or "SIMPLE"), names))
    return found
