# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that apply or compare objects."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  prune:
    description: Objects to delete unless O(objects) defines them.
    type: dict
    suboptions:
      kinds:
        description: Their kinds. One that the API server does not know has no objects.
        type: list
        elements: dict
        required: true
        suboptions:
          api_version:
            description: Its API version.
            type: str
            required: true
          kind:
            description: Its name.
            type: str
            required: true
      labels:
        description:
          - Labels that an object must have to be deleted, at least one. An object needs all of them.
          - The value of a label may be a list, of which an object needs one.
        type: dict
        required: true
      namespace:
        description: Namespace to delete from. All namespaces when left out.
        type: str
      keep:
        description: >-
          Objects that stay although O(objects) does not define them, such as Secrets that a controller makes. Only C(kind),
          C(metadata.name), C(metadata.namespace) and, where it is given, the group of C(apiVersion) are read.
        type: list
        elements: dict
        default: []
      wait_timeout:
        description: Seconds to wait until the objects are gone, for those that take their time, such as namespaces. V(0) does not wait.
        type: int
        default: 0
      adopt:
        description:
          - Objects without a label of O(owner) that are deleted as well, such as those that were applied before it was set.
          - Of C(kind), C(metadata.name) and C(metadata.namespace), what is left out fits every object.
        type: list
        elements: dict
        default: []
  owner:
    description:
      - Labels of this installation, for clusters in which others apply objects with the same labels of O(prune).
      - Each definition gets them, and so does the template of a Secret in it (C(spec.secretTemplate)). An object without a namespace that
        has other values keeps them.
      - An object with other values is not deleted.
    type: dict
    default: {}
"""
