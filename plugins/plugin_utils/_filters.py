# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the filters for sites share: reading them, and failing with every finding at once.

Private to baremesh.edge: other collections must not import it, it changes without notice.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.plugin_utils._issuers import known_issuers
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import Raw, Site, SitesError, parse_sites


def sites_of(sites: t.Any, issuers: t.Any = None, cluster_domain: str = "cluster.local") -> tuple[list[Site], dict[str, Raw] | None]:
    """Return the sites and the issuers they may name.

    :raises AnsibleFilterError: when anything is wrong with the sites, with all findings.
    """
    known = None if issuers is None else known_issuers(issuers)
    try:
        return parse_sites(sites, known, cluster_domain), known
    except SitesError as exc:
        raise AnsibleFilterError(str(exc)) from exc
