#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_compare
short_description: Compare Helm releases, workloads and objects with their definitions
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Finds out in one call whether a run has anything to do, so that the tasks that would do it need not ask again.
  - Reads how Helm recorded its releases, in one request for each namespace, and compares chart, version and values with
    the definitions.
  - Needs neither Helm nor a chart repository, so that a run in which nothing changes downloads nothing.
  - Finds revisions that a killed Helm left as C(pending-install), C(pending-upgrade), C(pending-rollback) or
    C(uninstalling), because of which Helm refuses every later one, and C(failed) ones, which M(kubernetes.core.helm) takes
    for current if their values are. RV(broken) names how to recover from each.
  - Compares objects as M(baremesh.edge.object_apply) does, and only as far as that needs no answer of a webhook.
extends_documentation_fragment:
  - baremesh.edge._kube_auth
  - baremesh.edge._objects
  - baremesh.edge._workloads
  - baremesh.edge._attributes
  - baremesh.edge._attributes.read
options:
  releases:
    description: The definitions of the releases.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the release.
        type: str
        required: true
      namespace:
        description: Namespace of the release.
        type: str
        required: true
      chart:
        description: Name of the chart.
        type: str
        required: true
      chart_version:
        description: Version of the chart.
        type: str
        required: true
      values:
        description: Values that the user gives to the chart.
        type: dict
        default: {}
  objects:
    description: The definitions of objects, as for M(baremesh.edge.object_apply).
    type: list
    elements: dict
    default: []
  pending_grace:
    description:
      - Seconds for which a pending revision may be the work of another Helm that still runs.
      - The module watches a younger one until it ends or is that old.
    type: int
    default: 30
  gateways:
    description: Gateways whose certificates and pods are looked at where nothing else differs.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Namespace of the gateway pods, and of their Certificates and Secrets.
        type: str
        default: istio-ingress
      selector:
        description: Labels of the gateway pods.
        type: dict
        default: {istio: ingress}
      port:
        description: Port in the pods on which the listener is.
        type: int
        default: 443
      certificate_names:
        description: Certificates of the gateway.
        type: list
        elements: str
        default: []
      secret_names:
        description: Secrets that the gateway serves and no Certificate writes.
        type: list
        elements: str
        default: []
      credentials:
        description: What the pods must serve, with the keys of O(baremesh.edge.sds_primer#module:credentials).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The C(credentialName).
            type: str
            required: true
          hosts:
            description: The hosts, which the certificate must cover.
            type: list
            elements: str
            required: true
          mode:
            description: TLS mode.
            type: str
            choices: [SIMPLE, MUTUAL, OPTIONAL_MUTUAL]
            default: SIMPLE
          credential_names:
            description: The C(credentialNames), where there are those instead of one name.
            type: list
            elements: str
            default: []
          ca_credential_name:
            description: The C(caCertCredentialName), where the authority of clients is in a Secret of its own.
            type: str
          port:
            description: Port in the pods of its listener, unless it is O(gateways[].port).
            type: int
seealso:
  - module: baremesh.edge.object_apply
  - module: baremesh.edge.helm_chart_fetch
  - module: kubernetes.core.helm
"""

EXAMPLES = r"""
- name: Compare the releases with their definitions
  baremesh.edge.cluster_compare:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    releases:
      - {name: istiod, namespace: istio-system, chart: istiod, chart_version: 1.31.1, values: {}}
  register: releases

- name: Show what is broken
  ansible.builtin.debug:
    msg: "{{ releases.broken }}"

- name: Install or upgrade those that differ, from charts that helm_chart_fetch has put there
  kubernetes.core.helm:
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    name: "{{ item.name }}"
    namespace: "{{ item.namespace }}"
    chart_ref: "/opt/charts/{{ item.chart }}-{{ item.chart_version }}.tgz"
    chart_version: "{{ item.chart_version }}"
  loop: "{{ releases.pending }}"
"""

RETURN = r"""
releases:
  description: Each release in the order of O(releases).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the release.
      type: str
    namespace:
      description: Its namespace.
      type: str
    chart:
      description: Name of the chart in the definition.
      type: str
    chart_version:
      description: Version of the chart in the definition.
      type: str
    action:
      description:
        - What must be done, V(none), V(install) or V(upgrade).
        - For a broken release what must be done before it is compared again. V(rollback) to the last good revision; V(reinstall),
          as there is none, by uninstalling it first; or V(forget), by deleting its RV(releases[].record), since it was being uninstalled.
      type: str
      sample: upgrade
    status:
      description: Helm's word for the newest revision, empty where there is none.
      type: str
      sample: deployed
    revision:
      description: Number of the newest revision, 0 where there is none.
      type: int
    record:
      description: Name of the Secret in which Helm keeps the newest revision, empty where there is none.
      type: str
    differences:
      description: What differs from the definition. Names values by their path and never shows them.
      type: list
      elements: str
      sample: ["chart version changes from 1.30.0 to 1.31.1", "values.meshConfig.ingressService changes"]
pending:
  description: Those of RV(releases) whose RV(releases[].action) is not V(none).
  returned: always
  type: list
  elements: dict
broken:
  description: Those of RV(releases) whose newest revision failed, or was left unfinished by a killed Helm.
  returned: always
  type: list
  elements: dict
rolled_out:
  description: Whether no release is pending and all O(workloads) are rolled out, so that nothing is left to wait for. V(false)
    without O(workloads).
  returned: always
  type: bool
missing_namespaces:
  description: Namespaces of O(releases) that do not exist.
  returned: always
  type: list
  elements: str
objects_current:
  description:
    - Whether no release is pending, all O(objects) certainly are as defined, and none of those of O(prune) is left to delete.
      M(baremesh.edge.object_apply) would change nothing.
    - V(false) without O(objects), and where only the API server can say it.
  returned: always
  type: bool
ready:
  description: Those of O(objects) whose condition Ready is true for what they are now, if RV(objects_current).
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: Its kind.
      type: str
    namespace:
      description: Its namespace, empty for a kind without namespaces.
      type: str
    name:
      description: Its name.
      type: str
"""

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.certificate_wait import ready_certificates
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateways_look import gateways_spec, look_at_gateways
from ansible_collections.baremesh.edge.plugins.module_utils._istio.prober import PodProber
from ansible_collections.baremesh.edge.plugins.module_utils._kube.arguments import auth_argument_spec
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.module import attempt, open_transport
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import NamedWait
from ansible_collections.baremesh.edge.plugins.module_utils._masking import secret_values
from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._wait import Deadline, SystemClock
from ansible_collections.baremesh.edge.plugins.module_utils._workload.apply import compare_objects
from ansible_collections.baremesh.edge.plugins.module_utils._workload.helm_check import check_releases
from ansible_collections.baremesh.edge.plugins.module_utils._workload.prune import prune_spec
from ansible_collections.baremesh.edge.plugins.module_utils._workload.rollouts import Rollouts, parse_workloads, workloads_spec

# Seconds for which one look at the workloads puts up with an API that does not answer.
_PATIENCE = 10


def compare(params: dict[str, Any]) -> dict[str, Any]:
    """Return the module's result. Raises KubeError, ValueError and DefinitionError."""
    transport = open_transport(params)
    client = KubeClient(transport)
    found = check_releases(client, params["releases"], params["pending_grace"])
    deadline = Deadline(SystemClock(), _PATIENCE)
    rollouts = NamedWait(client, parse_workloads(params["workloads"]), [Rollouts()])
    settled = not found["pending"]
    rolled_out = bool(params["workloads"]) and settled and rollouts.run(deadline, once=True).good
    current: bool = False
    ready: list[dict[str, Any]] = []
    if params["objects"] and settled:
        current, ready = compare_objects(transport, params["objects"], deadline, params["prune"], params["owner"])
    seen = look_at_gateways(
        client,
        lambda namespace: PodProber(transport.connection, namespace),
        lambda namespace, names: ready_certificates(client, namespace, names, deadline),
        params["gateways"] if current else [],
        deadline,
    )
    return {**found, "rolled_out": rolled_out, "objects_current": current, "ready": ready if current else [], "gateways": seen}


def main() -> None:
    """Compare and return."""
    release = {
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "required": True},
        "chart": {"type": "str", "required": True},
        "chart_version": {"type": "str", "required": True},
        "values": {"type": "dict", "default": {}},
    }
    module = EdgeModule(
        argument_spec=dict(
            auth_argument_spec(),
            **prune_spec(),
            workloads=workloads_spec(),
            releases={"type": "list", "elements": "dict", "default": [], "options": release, "no_log": True},
            objects={"type": "list", "elements": "dict", "default": [], "no_log": True},
            gateways=gateways_spec(),
            pending_grace={"type": "int", "default": 30},
        ),
        supports_check_mode=True,
    )
    # Values of charts and of Secrets may be passwords.
    given = {**module.params, "releases": module.withhold("releases"), "objects": module.withhold("objects", secret_values)}
    module.exit_json(changed=False, **attempt(module, lambda: compare(given)))


if __name__ == "__main__":
    main()
