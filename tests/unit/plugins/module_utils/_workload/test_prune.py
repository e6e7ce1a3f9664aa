# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of an object that does not go."""

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._workload.prune import _reason

REMAINING = {"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining:\n  pods. has 1 instances"}
FINALIZERS = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "Some content has finalizers remaining: x in 1"}


@pytest.mark.parametrize(
    ("finalizers", "conditions", "why"),
    [
        ([], [], ""),
        (["a/b", "c"], [], ": it is held by a/b, c"),
        (["a/b"], [{**REMAINING, "status": "False"}, {**REMAINING, "status": "Unknown"}], ": it is held by a/b"),
        (["a/b"], [{"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "message": "x"}], ": it is held by a/b"),
        (["kubernetes"], [REMAINING], ": Some resources are remaining: pods. has 1 instances"),
        (
            ["kubernetes"],
            [REMAINING, FINALIZERS],
            ": Some resources are remaining: pods. has 1 instances; Some content has finalizers remaining: x in 1",
        ),
    ],
)
def test_what_holds_an_object_that_is_being_deleted(finalizers, conditions, why):
    found = {"metadata": {"name": "web", "finalizers": finalizers}, "status": {"conditions": conditions}}
    assert _reason("Namespace", found) == f"Namespace web is still there{why}"
