# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of sds_secret_wait to the wait that they ask for.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible_collections.baremesh.edge.plugins.module_utils._istio.credentials import Credential
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import Connection
from ansible_collections.baremesh.edge.plugins.module_utils._kube.istiod import Istiod, require_h2
from ansible_collections.baremesh.edge.plugins.module_utils._kube.portforward import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_base import Wanted
from ansible_collections.baremesh.edge.plugins.module_utils._kube.sds_wait import SdsWait
from ansible_collections.baremesh.edge.plugins.module_utils._kube.xds_wait import XdsWait
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline


def choose_wait(
    params: Mapping[str, Any],
    credentials: Sequence[Credential],
    client: KubeClient,
    connection: Connection,
    deadline: Deadline,
    progress: Callable[[str], None],
) -> SdsWait | XdsWait:
    """The wait. Raises LibraryMissingError where the method needs one that is not there."""
    namespace = params["namespace"]
    selector = {str(k): str(v) for k, v in params["selector"].items()}
    wanted = Wanted(credentials, namespace, selector, deadline, params["fail_fast"], progress)
    if params["method"] == "xds":
        require_h2()
        istiod = Istiod(client, connection, params["istio_namespace"], namespace)
        return XdsWait(client, istiod, wanted)
    return SdsWait(
        client,
        PodProber(connection, namespace),
        wanted,
        port=params["port"],
        primer_port=params["primer_port"],
        keep_primer=params["primer"] == "kept",
    )
