#!/usr/bin/python
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: file_remove
short_description: Remove files, and folders that are empty then
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Removes files and links by name, and never a folder in which anything is. C(ansible.builtin.file) with C(state=absent) deletes a
    folder with all that is in it, whoever put it there.
extends_documentation_fragment:
  - baremesh.edge._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    support: full
    platforms: posix
options:
  files:
    description:
      - Absolute paths of files and links. The last part may have the wildcards C(*), C(?) and C([...]).
      - A link is removed, and not what it names. A folder ends the module with an error.
    type: list
    elements: path
    default: []
  links:
    description:
      - Links with what they must name to be removed, which may have wildcards. Something else in the place of a link stays.
    type: dict
    default: {}
  folders:
    description:
      - Absolute paths of folders, removed in this order if nothing is in them.
      - A mount point, a link, and a folder that the system or other programs use stay.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Remove a tool with its folder
  baremesh.edge.file_remove:
    files: [/opt/baremesh/helm-v3.21.4/helm]
    links: {/opt/baremesh/bin/helm: /opt/baremesh/helm-*/helm}
    folders: [/opt/baremesh/helm-v3.21.4, /opt/baremesh/bin]
"""

RETURN = r"""
removed:
  description: What was removed, or would be.
  type: list
  elements: str
  returned: success
  sample: [/opt/baremesh/bin/helm, /opt/baremesh/bin]
"""

import glob
import os
from fnmatch import fnmatchcase

from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule
from ansible_collections.baremesh.edge.plugins.module_utils._removal import Removal


def main() -> None:
    """Remove and return."""
    paths = {"type": "list", "elements": "path", "default": []}
    module = EdgeModule(
        argument_spec={"files": paths, "links": {"type": "dict", "default": {}}, "folders": paths}, supports_check_mode=True
    )
    files, links, folders = (module.params[name] for name in ("files", "links", "folders"))
    relative = [path for path in (*files, *links, *folders) if not os.path.isabs(path)]
    if relative:
        module.fail_json(msg=f"{', '.join(relative)}: each path must be absolute")
    removal = Removal(module.check_mode)
    found = [link for link, target in links.items() if os.path.islink(link) and fnmatchcase(os.readlink(link), target)]
    for path in files:
        folder, name = os.path.split(path)
        found += sorted(glob.glob(f"{glob.escape(folder)}/{name}")) or [path]
    try:
        for path in found:
            removal.file(path)
        for path in folders:
            removal.empty(path)
    except OSError as error:
        module.fail_json(msg=f"not all is removed: {error}", removed=removal.removed)
    module.exit_json(
        changed=bool(removal.removed),
        removed=removal.removed,
        diff={"before": "".join(f"{path}\n" for path in removal.removed), "after": ""},
    )


if __name__ == "__main__":
    main()
