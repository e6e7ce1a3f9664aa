# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges what users wrote about proxies in front of the gateway."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields, Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._releases import MOST_PROXIES
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import Site

_REASONS = {
    "MUTUAL": "asks clients for a certificate, which none could show behind a proxy that ends TLS",
    "ISTIO_MUTUAL": "asks clients for a certificate of the mesh, which none could show behind a proxy that ends TLS",
    "PASSTHROUGH": "leaves TLS to the application, to which a proxy that ends TLS has nothing to pass on",
}


def site_proxy_findings(sites: Sequence[Site], trusted: int) -> list[str]:
    """Return a sentence for each site that must not be served to a proxy that ends TLS.

    Port 80 would serve it to whoever says C(X-Forwarded-Proto: https). A site without a redirect is not on port 80.
    """
    return [
        f"edge_sites[{index}] ({site.name}): tls.mode {site.tls.mode} {_REASONS[site.tls.mode]} (edge_trusted_proxies is {trusted}); "
        "set redirect: false to keep it off port 80, or let the proxy pass TLS on and use edge_proxy_protocol"
        for index, site in enumerate(sites)
        if trusted > 0 and site.redirect and site.tls.mode in _REASONS
    ]


def proxy_findings(proxies: Raw, hosts: Collection[str], sites: Sequence[Site]) -> list[str]:
    """Return a sentence for everything that is wrong with what users wrote about proxies."""
    found: list[str] = []
    fields = Fields(proxies, "", found)
    trusted = fields.integer("edge_trusted_proxies", 0, MOST_PROXIES)
    fields.boolean("edge_proxy_protocol", False)
    for address in fields.texts("edge_proxy_addresses"):
        if address in hosts:
            fields.report(
                f"edge_proxy_addresses has {address}, which is a host that serves the sites; it takes the addresses of the proxies"
            )
    return found + site_proxy_findings(sites, trusted or 0)
