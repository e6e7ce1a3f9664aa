# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istiod offers against what the Secrets hold. No input or output.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential, resource_name
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import OFFERED, OTHER_SERIAL, WITHHELD, Seen
from ansible_collections.baremesh.edge.plugins.module_utils._istio.xds import Offer
from ansible_collections.baremesh.edge.plugins.module_utils._tls import TlsError, leaf_of_pem


def resource_names(credentials: Sequence[Credential]) -> list[str]:
    """What to ask istiod for, each once."""
    names = [resource_name(n) for c in credentials for n in (*c.secret_names, c.ca_name) if n]
    return list(dict.fromkeys(names))


def judge(seen: Seen, offers: Mapping[str, Offer], serials: Sequence[str]) -> None:
    """Note whether all that one credential needs is offered, with the serial numbers that the Secrets hold."""
    seen.serial, seen.detail = None, ""
    for name in seen.credential.secret_names:
        offer = offers.get(resource_name(name))
        if offer is None or not offer.chain:
            seen.state, seen.detail = WITHHELD, "istiod has not sent %s" % resource_name(name)
            return
        try:
            serial = leaf_of_pem(offer.chain).serial
        except TlsError as exc:
            seen.state, seen.detail = WITHHELD, "what istiod sends as %s is no certificate: %s" % (resource_name(name), exc)
            return
        seen.serial = seen.serial or serial
        if serial not in serials:
            seen.state = OTHER_SERIAL
            seen.detail = "it sends serial %s, the Secret holds %s" % (serial, " or ".join(serials) or "none that can be served")
            return
    authority = seen.credential.ca_name
    if authority and not offers.get(resource_name(authority), Offer()).authority:
        seen.state, seen.detail = WITHHELD, "istiod has not sent %s" % resource_name(authority)
        return
    seen.state = OFFERED
