#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: download
short_description: Fetch a file by its SHA-256
version_added: 0.1.0
author: The baremesh.edge authors (@baremesh)
description:
  - Fetches a file, compares it with its digest, and puts it in place by rename, with mode 0644.
  - With O(sha256) no server is trusted. With O(sums_url) the file is trusted on first use, and both must come over HTTPS, also where a
    server redirects.
  - A file that is there and has the digest is left alone.
extends_documentation_fragment:
  - baremesh.edge._attributes.linux
  - baremesh.edge._attributes
  - baremesh.edge._downloads
  - baremesh.edge._downloads.servers
attributes:
  check_mode:
    details: Fetches nothing. Without O(sha256) a file that is there counts as the right one.
  diff_mode:
    support: none
options:
  url:
    description: Where to fetch the file.
    type: str
    required: true
  dest:
    description: Path of the file. Its folder must be there.
    type: path
    required: true
  sha256:
    description: SHA-256 of the file, with or without V(sha256:).
    type: str
  sums_url:
    description: Where a list of checksums lies, with a line for the last part of O(url). One of it and O(sha256) is needed.
    type: str
  pin_name:
    description: Name of the variable that gives O(sha256), for messages.
    type: str
    default: sha256
"""

EXAMPLES = r"""
- name: Fetch Helm by a digest that was checked before
  baremesh.edge.download:
    url: https://get.helm.sh/helm-v3.21.4-linux-amd64.tar.gz
    sha256: "{{ helm_digest }}"
    dest: /opt/tools/helm.tar.gz

- name: Fetch Helm by the checksum beside it
  baremesh.edge.download:
    url: https://get.helm.sh/helm-v3.21.4-linux-amd64.tar.gz
    sums_url: https://get.helm.sh/helm-v3.21.4-linux-amd64.tar.gz.sha256sum
    dest: /opt/tools/helm.tar.gz
"""

RETURN = r"""
sha256:
  description: SHA-256 of the file; empty in check mode if it is not known.
  type: str
  returned: success
"""

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._module import FETCHING, EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.fetch import download


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "sha256": {"type": "str"},
            "sums_url": {"type": "str"},
            "pin_name": {"type": "str", "default": "sha256"},
            **FETCHING,
        },
        required_one_of=[("sha256", "sums_url")],
        supports_check_mode=True,
    )
    module.take_environment()
    try:
        changed, digest = download(module.params, module.check_mode)
    except (EdgeError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, sha256=digest)


if __name__ == "__main__":
    main()
