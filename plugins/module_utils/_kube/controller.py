# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does cert-manager's controller run? Asked only where it does not react.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import KubeError
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import PODS

# Of cert-manager's chart.
LABELS = "app.kubernetes.io/component=controller,app.kubernetes.io/name=cert-manager"


def controller_problem(client: KubeClient) -> str | None:
    """Why the controller cannot react, or None where it runs or cannot be looked at."""
    try:
        pods = client.list(PODS, None, LABELS, timeout=3.0).get("items") or []
    except KubeError:
        return None
    if any(_is_ready(p) for p in pods):
        return None
    why = "none of its pods is Ready" if pods else "no pod has the labels %s" % LABELS
    return "cert-manager's controller does not run: %s" % why


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
