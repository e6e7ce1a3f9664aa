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
  - Can take one program out of an archive that it fetched, and link to it.
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
    description: Path of the file. Folders that are missing are created with mode 0755.
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
  unpack:
    description:
      - A program to take out of the file, which is then a tar archive. It gets mode 0755.
      - It is taken out again where the archive was fetched anew or the program cannot be executed.
    type: dict
    suboptions:
      member:
        description: Path of the program in the archive.
        type: str
        required: true
      dest:
        description: Path of the program. Folders that are missing are created with mode 0755.
        type: path
        required: true
      link:
        description: Path of a symbolic link to O(unpack.dest). Another link is replaced, what is no link is refused.
        type: path
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
    dest: /opt/tools/cache/helm.tar.gz
    unpack:
      member: linux-amd64/helm
      dest: /opt/tools/helm-v3.21.4/helm
      link: /opt/tools/bin/helm
"""

RETURN = r"""
sha256:
  description: SHA-256 of the file; empty in check mode if it is not known.
  type: str
  returned: success
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._module import FETCHING, EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._net.fetch import download
from ansible_collections.baremesh.edge.plugins.module_utils._net.unpack import link, make_folder, unpack


def take_out(given: Mapping[str, Any], archive: str, fetched: bool, check_mode: bool) -> bool:
    """Take a program out of an archive and link to it, and return whether that changed, or would change, anything."""
    dest, path = given["dest"], given["link"]
    missing = fetched or not os.access(dest, os.X_OK)
    if check_mode:
        return missing or (path is not None and os.path.realpath(path) != os.path.realpath(dest))
    if missing:
        make_folder(os.path.dirname(dest))
        unpack(archive, given["member"], dest)
    if path is not None:
        make_folder(os.path.dirname(path))
        missing = link(path, dest) or missing
    return missing


def main() -> None:
    """Run the module."""
    module = EdgeModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "sha256": {"type": "str"},
            "sums_url": {"type": "str"},
            "pin_name": {"type": "str", "default": "sha256"},
            "unpack": {
                "type": "dict",
                "options": {
                    "member": {"type": "str", "required": True},
                    "dest": {"type": "path", "required": True},
                    "link": {"type": "path"},
                },
            },
            **FETCHING,
        },
        required_one_of=[("sha256", "sums_url")],
        supports_check_mode=True,
    )
    module.take_environment()
    params, check_mode = module.params, module.check_mode
    try:
        if not check_mode:
            make_folder(os.path.dirname(params["dest"]))
        changed, digest = download(params, check_mode)
        if params["unpack"]:
            changed = take_out(params["unpack"], params["dest"], changed, check_mode) or changed
    except (EdgeError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, sha256=digest)


if __name__ == "__main__":
    main()
