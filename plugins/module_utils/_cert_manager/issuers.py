# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is an Issuer or ClusterIssuer ready, and if not, can waiting help?"""

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.module_utils._cause import Cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.causes import condition_cause
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Json, condition, is_current


def issuer_cause(issuer: Json) -> Cause | None:
    """The reason why it is not ready, None when it is."""
    ready = condition(issuer, "Ready")
    if ready is None:
        return Cause("cert-manager has not observed it")
    if ready.get("status") == "True" and is_current(issuer, ready):
        return None
    return condition_cause(issuer, ready)
