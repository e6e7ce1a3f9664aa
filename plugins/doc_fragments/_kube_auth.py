# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection options."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file on the host where the module runs.
      - Without it, and without O(host), the module tries C(~/.kube/config) and then the ServiceAccount of the pod it runs in.
      - The environment variable E(K8S_AUTH_KUBECONFIG) is used if this is not set.
    type: path
  context:
    description:
      - Context of the kubeconfig, if not its current one.
      - The environment variable E(K8S_AUTH_CONTEXT) is used if this is not set.
    type: str
  host:
    description:
      - URL of the API server, for use without a kubeconfig or instead of what it says.
      - The environment variable E(K8S_AUTH_HOST) is used if this is not set.
    type: str
  api_key:
    description:
      - Bearer token.
      - The environment variable E(K8S_AUTH_API_KEY) is used if this is not set.
    type: str
  ca_cert:
    description:
      - Path of a PEM file with the authority that signed the API server's certificate.
      - The environment variable E(K8S_AUTH_SSL_CA_CERT) is used if this is not set.
    type: path
    aliases: [ssl_ca_cert]
  validate_certs:
    description:
      - Whether the API server's certificate must be trusted. Trusted is what the kubeconfig says, else V(true).
      - The environment variable E(K8S_AUTH_VERIFY_SSL) is used if this is not set.
    type: bool
    aliases: [verify_ssl]
  client_cert:
    description:
      - Path of a PEM file with a client certificate.
      - The environment variable E(K8S_AUTH_CERT_FILE) is used if this is not set.
    type: path
    aliases: [cert_file]
  client_key:
    description:
      - Path of the PEM file with the private key for O(client_cert).
      - The environment variable E(K8S_AUTH_KEY_FILE) is used if this is not set.
    type: path
    aliases: [key_file]
attributes:
  action_group:
    description: Use C(group/baremesh.edge.edge) in C(module_defaults) to give all modules of the group the connection at once.
    support: full
    membership:
      - baremesh.edge.edge
requirements:
  - python >= 3.9
  - PyYAML, to read a kubeconfig
  - cryptography >= 3.3, for modules that read certificates
  - kubernetes >= 24.2.0, only for kubeconfigs that need more than a certificate or a token, such as exec plug-ins
"""
