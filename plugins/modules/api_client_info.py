#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_client_info
short_description: Tell whether a host can talk to the Kubernetes API
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Looks whether the Python environment with the Kubernetes client and the wanted Helm are in place, and whether the Kubernetes API answers
    through them.
  - Needs nothing on the host but Python, so that it also works where none of these is installed yet.
extends_documentation_fragment:
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: posix
options:
  python:
    description: Python with the Kubernetes client.
    type: path
    required: true
  requirements:
    description: Digest of the requirements that the environment was made from, as written into the file C(.requirements) at its top.
    type: str
  helm:
    description: Path of the wanted Helm.
    type: path
  kubeconfig:
    description: Whether the API answers is looked at with this file. If empty, with the environment variables of C(kubernetes.core).
    type: path
  probe:
    description: Whether to ask the API.
    type: bool
    default: false
  timeout:
    description: Seconds that the API may take to answer.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Look whether there is an API
  baremesh.edge.api_client_info:
    python: /opt/baremesh/venv/bin/python
    kubeconfig: /etc/rancher/k3s/k3s.yaml
    probe: true
  register: api
"""

RETURN = r"""
architecture:
  description: This host's architecture in Go's terms, as in the names of Helm's archives.
  type: str
  returned: success
  sample: amd64
python_ready:
  description: Whether the Python environment has a Kubernetes client and was made from O(requirements).
  type: bool
  returned: success
helm_ready:
  description: Whether O(helm) can be executed.
  type: bool
  returned: success
can_make_venv:
  description: Whether the host's Python can make virtual environments with pip.
  type: bool
  returned: success
available:
  description: Whether the API answered. False unless O(probe).
  type: bool
  returned: success
reason:
  description: Why the API is not available, in one sentence.
  type: str
  returned: success
"""

import os
import platform
import sys
import typing as t

from ansible.module_utils.basic import AnsibleModule

_GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "s390x": "s390x", "ppc64le": "ppc64le"}

_HAS_CLIENT = "import importlib.util as u; raise SystemExit(0 if u.find_spec('kubernetes') and u.find_spec('yaml') else 3)"

# Runs in the other Python. The last line of its output is the verdict; an empty one means that the API is ready.
_ASK = r"""
import os, sys
from kubernetes import client, config
kubeconfig, timeout = sys.argv[1], float(sys.argv[2])
try:
    if kubeconfig:
        config.load_kube_config(kubeconfig)
    else:
        settings = client.Configuration()
        settings.host = os.environ["K8S_AUTH_HOST"]
        key = os.environ.get("K8S_AUTH_API_KEY")
        if key:
            settings.api_key["authorization"] = "Bearer " + key
        settings.ssl_ca_cert = os.environ.get("K8S_AUTH_SSL_CA_CERT") or None
        settings.verify_ssl = os.environ.get("K8S_AUTH_VERIFY_SSL", "true").lower() not in ("false", "no", "0")
        client.Configuration.set_default(settings)
    api = client.ApiClient()
    api.configuration.retries = False
    api.rest_client.pool_manager.connection_pool_kw["retries"] = False
    api.call_api("/readyz", "GET", auth_settings=["BearerToken"], response_type="str",
                 _preload_content=False, _request_timeout=timeout)
    print()
except Exception as error:
    status = getattr(error, "status", None)
    text = "HTTP %s %s" % (status, getattr(error, "reason", "")) if status else "%s: %s" % (type(error).__name__, error)
    print(" ".join(text.split())[:400])
"""


def _python_ready(module: AnsibleModule) -> bool:
    python, wanted = module.params["python"], module.params["requirements"]
    if not os.access(python, os.X_OK):
        return False
    if wanted:
        marker = os.path.join(os.path.dirname(os.path.dirname(python)), ".requirements")
        try:
            with open(marker, encoding="utf-8") as handle:
                if handle.read().strip() != wanted:
                    return False
        except OSError:
            return False
    code, _out, _err = module.run_command([python, "-c", _HAS_CLIENT], handle_exceptions=False)
    return bool(code == 0)


def _can_make_venv(module: AnsibleModule) -> bool:
    code, _out, _err = module.run_command([sys.executable, "-c", "import ensurepip, venv"])
    return bool(code == 0)


def _why_unavailable(module: AnsibleModule) -> str:
    """Return why the API cannot be used, empty if it can."""
    kubeconfig = module.params["kubeconfig"] or ""
    if kubeconfig and not os.path.exists(kubeconfig):
        return f"{kubeconfig} does not exist"
    if not kubeconfig and not os.environ.get("K8S_AUTH_HOST"):
        return "no kubeconfig is given and the environment has no K8S_AUTH_HOST"
    code, out, err = module.run_command([module.params["python"], "-c", _ASK, kubeconfig, str(module.params["timeout"])])
    lines = out.splitlines()
    if code != 0 or not lines:
        return f"the Kubernetes client cannot run: {(err.strip().splitlines() or ['no output'])[-1]}"
    return t.cast("str", lines[-1].strip())


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "required": True},
            "requirements": {"type": "str"},
            "helm": {"type": "path"},
            "kubeconfig": {"type": "path"},
            "probe": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    machine = platform.machine()
    python_ready = _python_ready(module)
    reason = "it was not asked"
    if module.params["probe"]:
        reason = _why_unavailable(module) if python_ready else f"{module.params['python']} has no Kubernetes client"
    module.exit_json(
        changed=False,
        architecture=_GO_ARCHITECTURES.get(machine, machine),
        python_ready=python_ready,
        helm_ready=bool(module.params["helm"]) and os.access(module.params["helm"], os.X_OK),
        can_make_venv=python_ready or _can_make_venv(module),
        available=not reason,
        reason=reason,
    )


if __name__ == "__main__":
    main()
