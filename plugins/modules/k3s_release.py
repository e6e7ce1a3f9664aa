#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_release
short_description: Put one release of K3s in place, by checksum
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Places K3s's binary for this host's architecture, its links C(kubectl), C(crictl) and C(ctr), and, if wished, its image archive
    and further ones.
  - Every file is compared with its digest in O(sha256) before it is put in place by rename, so that a run that was killed leaves the old
    file or the new one. A file without one is compared with the release's own checksum file and must come over HTTPS, also where
    the server redirects. It is trusted on first use.
  - Asks the network only if a file is missing, differs from what was placed, or another version or address is given.
  - Refuses a downgrade and a step over a minor version, which Kubernetes does not support.
extends_documentation_fragment:
  - baremesh.edge._attributes.linux
  - baremesh.edge._attributes
  - baremesh.edge._downloads
  - baremesh.edge._downloads.servers
attributes:
  check_mode:
    details: Returns what would be placed. The checksum file is not fetched.
  diff_mode:
    support: full
options:
  version:
    description: Release to place, for example V(v1.34.4+k3s1).
    type: str
    required: true
  url:
    description:
      - Where releases lie. The files are taken from C(<url>/<version>/), where the V(+) of the version is escaped.
      - With O(local_dir) it is not used.
    type: str
    default: https://github.com/k3s-io/k3s/releases/download
  sha256:
    description: SHA-256 of the release's files by their names there, such as C(k3s-arm64). No server is trusted for these.
    type: dict
    default: {}
  local_dir:
    description: Folder on this host that holds the files of the release, for hosts without a network.
    type: path
  bin_dir:
    description: Folder for the binary and the links.
    type: path
    default: /usr/local/bin
  data_dir:
    description: K3s's data folder; image archives go to C(agent/images) in it.
    type: path
    default: /var/lib/rancher/k3s
  airgap_images:
    description: Whether to place the release's image archive too, so that no image registry is needed for K3s's own pods.
    type: bool
    default: false
  archives:
    description: Further image archives to place.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: Where to fetch the archive.
        type: str
        required: true
      checksum:
        description: SHA-256 of the archive, as V(sha256:<64 hex digits>).
        type: str
        required: true
      name:
        description: File name on the host. The last part of the O(archives[].url) unless set.
        type: str
  allow_any_version_step:
    description: Whether to accept a downgrade or a step over a minor version.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Place a pinned release
  baremesh.edge.k3s_release:
    version: v1.34.4+k3s1

- name: Place a release and its images from a mirror that is not trusted
  baremesh.edge.k3s_release:
    version: v1.34.4+k3s1
    url: http://mirror.example.com/k3s
    airgap_images: true
    sha256:
      k3s: "{{ digest_of_the_binary }}"
      k3s-airgap-images-amd64.tar.zst: "{{ digest_of_the_images }}"
"""

RETURN = r"""
binary:
  description: Path of the binary.
  type: str
  returned: success
  sample: /usr/local/bin/k3s
sha256:
  description: SHA-256 of the binary in place; empty in check mode if it would be replaced.
  type: str
  returned: success
previous_version:
  description: Version of the binary that was there, as noted by this module or, for a binary that it did not place, as printed by it.
  type: str
  returned: success
  sample: v1.33.8+k3s1
placed:
  description: Files that were placed, or would be.
  type: list
  elements: str
  returned: success
  sample: [/usr/local/bin/k3s]
restart_needed:
  description: Whether the binary was, or would be, replaced.
  type: bool
  returned: success
"""

import os
import platform

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.placer import Placer, place_release
from ansible_collections.baremesh.edge.plugins.module_utils._module import FETCHING, EdgeModule


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "url": {"type": "str", "default": "https://github.com/k3s-io/k3s/releases/download"},
            "sha256": {"type": "dict", "default": {}},
            "local_dir": {"type": "path"},
            "bin_dir": {"type": "path", "default": "/usr/local/bin"},
            "data_dir": {"type": "path", "default": "/var/lib/rancher/k3s"},
            "airgap_images": {"type": "bool", "default": False},
            "archives": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "url": {"type": "str", "required": True},
                    "checksum": {"type": "str", "required": True},
                    "name": {"type": "str"},
                },
            },
            "allow_any_version_step": {"type": "bool", "default": False},
            **FETCHING,
        },
        supports_check_mode=True,
    )
    module.take_environment()

    def ask_version(binary: str) -> str:
        code, out, _err = module.run_command([binary, "--version"], handle_exceptions=False)
        return out if code == 0 else ""

    try:
        placer = Placer(module.params, platform.machine(), module.get_bin_path, ask_version)
        result = place_release(placer, module.check_mode)
        # A policy for K3s gives the binary a label of its own, which a file that was renamed into place does not have.
        if os.path.exists(placer.binary):
            result["changed"] = module.set_default_selinux_context(placer.binary, result["changed"])
        module.exit_json(**result)
    except (EdgeError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
