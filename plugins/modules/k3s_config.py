#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_config
short_description: Write the configuration files of K3s together
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Compares and replaces any number of small files, each by rename, in one task.
  - What is secret in them never appears in results or differences.
extends_documentation_fragment:
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Values under the keys of O(files[].hide) are hidden on both sides.
      - Of a file with O(files[].secret) and no such keys only the fact that it differs is shown.
  platform:
    support: full
    platforms: posix
options:
  files:
    description: Files to write, with owner root.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Path of the file.
        type: path
        required: true
      content:
        description: Text of a file without secrets.
        type: str
      secret:
        description: Text of a file with secrets. Exclusive with O(files[].content).
        type: str
      hide:
        description: Keys of a YAML file whose values are hidden in differences.
        type: list
        elements: str
        default: []
      mode:
        description: Mode of the file, as an octal string.
        type: str
        default: "0600"
      restart:
        description: Whether K3s must be restarted when the file changes.
        type: bool
        default: true
  absent:
    description: Files to remove if they are there.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Write the configuration and the join token of an agent
  baremesh.edge.k3s_config:
    files:
      - path: /etc/rancher/k3s/config.yaml
        content: |
          server: https://192.0.2.10:6443
          token-file: /etc/rancher/k3s/token
      - path: /etc/rancher/k3s/token
        secret: "{{ join_token }}\n"
"""

RETURN = r"""
written:
  description: Files that were written or removed, or would be.
  type: list
  elements: str
  returned: success
  sample: [/etc/rancher/k3s/config.yaml]
restart_needed:
  description: Whether a file changed that K3s reads only when it starts.
  type: bool
  returned: success
"""

import os
import stat
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import (
    make_directory,
    mask_yaml,
    read_text,
    replace_bytes,
)


def _mode_of(path: str) -> int | None:
    try:
        return stat.S_IMODE(os.lstat(path).st_mode)
    except FileNotFoundError:
        return None


def _shown(text: str | None, file: Mapping[str, Any], mode: int | None, side: str) -> str:
    """Return what a difference may show of a file."""
    if text is None:
        return ""
    head = f"# mode {mode:04o}\n" if mode is not None else ""
    if file["hide"]:
        return head + mask_yaml(text, file["hide"])
    if file["secret"] is not None:
        return f"{head}(secret, {side})\n"
    return head + text


def write(module: AnsibleModule) -> dict[str, Any]:
    """Write what differs and return the module's result."""
    written: list[str] = []
    differences: list[dict[str, str]] = []
    restart = False
    for file in module.params["files"]:
        path, mode = file["path"], int(file["mode"], 8)
        text = file["content"] if file["secret"] is None else file["secret"]
        old_text, old_mode = read_text(path), _mode_of(path)
        if old_text == text and old_mode == mode and not os.path.islink(path):
            continue
        written.append(path)
        restart = restart or (file["restart"] and old_text != text)
        differences.append(
            {
                "before_header": path,
                "after_header": path,
                "before": _shown(old_text, file, old_mode, "old value"),
                "after": _shown(text, file, mode, "old value" if old_text == text else "new value"),
            }
        )
        if not module.check_mode:
            make_directory(os.path.dirname(path), 0o755)
            replace_bytes(path, text.encode("utf-8", "surrogateescape"), mode)
    for path in module.params["absent"]:
        if os.path.lexists(path):
            written.append(path)
            restart = True
            differences.append({"before_header": path, "after_header": path, "before": "present\n", "after": ""})
            if not module.check_mode:
                os.unlink(path)
    return {"changed": bool(written), "written": written, "restart_needed": restart, "diff": differences}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str"},
                    "secret": {"type": "str", "no_log": True},
                    "hide": {"type": "list", "elements": "str", "default": [], "no_log": False},
                    "mode": {"type": "str", "default": "0600"},
                    "restart": {"type": "bool", "default": True},
                },
                "mutually_exclusive": [("content", "secret")],
                "required_one_of": [("content", "secret")],
            },
            "absent": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**write(module))
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"The configuration of K3s cannot be written: {error}.")


if __name__ == "__main__":
    main()
