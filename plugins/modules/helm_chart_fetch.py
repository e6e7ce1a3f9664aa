#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: helm_chart_fetch
short_description: Fetch packed Helm charts by their SHA-256
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Fetches charts from a repository or registry, so that Helm can install them from files, without a network and without a password.
  - With O(sha256) no server is trusted. A chart without one is trusted on first use; it must come over HTTPS, also where a server
    redirects, and have the digest that the repository names.
extends_documentation_fragment:
  - baremesh.edge._attributes.linux
  - baremesh.edge._attributes
  - baremesh.edge._downloads
  - baremesh.edge._downloads.servers
attributes:
  check_mode:
    details: Fetches nothing.
  diff_mode:
    support: none
options:
  charts:
    description: Version of each chart, by the name of the chart. The V(v) at the beginning of a version makes no difference.
    type: dict
    required: true
  repository:
    description:
      - Address of the repository, the folder with its C(index.yaml), or V(oci://) and the folder of a registry.
      - A user and a password for Basic authentication may be part of it, with C(%40) for an at sign and so on. They are sent to this server
        only, and to that which a registry names for tokens.
    type: str
  folder:
    description: Folder that holds the charts already, as C(<name>-<version>.tgz). One of it and O(repository) is needed.
    type: path
  dest:
    description: Folder in which the charts are put. It must be there. Needed with O(repository).
    type: path
  sha256:
    description: SHA-256 of the packed charts, with or without V(sha256:), by the name of the chart.
    type: dict
    default: {}
  pin_name:
    description: Name of the variable that gives O(sha256), for messages.
    type: str
    default: sha256
seealso:
  - module: baremesh.edge.cluster_compare
  - module: kubernetes.core.helm
"""

EXAMPLES = r"""
- name: Fetch the charts of Istio
  baremesh.edge.helm_chart_fetch:
    repository: https://istio-release.storage.googleapis.com/charts
    charts: {base: 1.31.1, istiod: 1.31.1}
    dest: /opt/charts
  register: fetched

- name: Install istiod
  kubernetes.core.helm:
    name: istiod
    namespace: istio-system
    chart_ref: "{{ fetched.charts.istiod }}"

- name: Fetch a chart from a mirror behind a password, by a digest that was checked before
  baremesh.edge.helm_chart_fetch:
    repository: "https://me:{{ mirror_password | urlencode }}@mirror.example.com/charts"
    charts: {cert-manager: v1.21.2}
    sha256: {cert-manager: "{{ chart_digest }}"}
    dest: /opt/charts
"""

RETURN = r"""
charts:
  description: Path of each chart, by its name.
  type: dict
  returned: success
  sample: {istiod: /opt/charts/istiod-1.31.1.tgz}
"""

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._module import FETCHING, EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.charts import place_charts


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            "charts": {"type": "dict", "required": True},
            "repository": {"type": "str"},
            "folder": {"type": "path"},
            "dest": {"type": "path"},
            "sha256": {"type": "dict", "default": {}},
            "pin_name": {"type": "str", "default": "sha256"},
            **FETCHING,
        },
        required_one_of=[("repository", "folder")],
        mutually_exclusive=[("repository", "folder")],
        required_by={"repository": "dest"},
        supports_check_mode=True,
    )
    module.take_environment()
    try:
        changed, charts = place_charts(module.params, module.check_mode)
    except (EdgeError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, charts=charts)


if __name__ == "__main__":
    main()
