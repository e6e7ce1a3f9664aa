# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from a module's options to the API.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.connection import KUBERNETES_IMPORT_ERROR, connect
from ansible_collections.baremesh.edge.plugins.module_utils._kube.transport import HttpTransport


def open_transport(module: AnsibleModule) -> HttpTransport:
    """HTTP to the API server that the module's options name.

    Raises:
        ConfigError: the options cannot be used.
    """
    if KUBERNETES_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("kubernetes"), exception=KUBERNETES_IMPORT_ERROR)
    return HttpTransport(connect(module.params))


def open_client(module: AnsibleModule) -> KubeClient:
    """A client for that API server."""
    return KubeClient(open_transport(module))
