# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With the tag of one role alone, a run has what that role needs."""

from __future__ import annotations

import pytest
import yaml
from project import ROOT


def tasks_of_site():
    for name in ("cluster", "charts"):
        for each in yaml.safe_load((ROOT / f"playbooks/parts/{name}.yml").read_text(encoding="utf-8")):
            yield from each.get("tasks", ())


def roles_of_site():
    """The roles of site.yml that go on in another way where the Kubernetes API does not answer."""
    for role in sorted({*ROOT.glob("roles/*")} - {ROOT / "roles/common"}):
        text = "".join(path.read_text(encoding="utf-8") for path in role.glob("tasks/*.yml"))
        if f"baremesh.edge.{role.name}" in PARTS and ("_edge_api_missing" in text or "edge_api_available" in text):
            yield role.name


PARTS = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "playbooks/parts").glob("*.yml"))
TAGS = {task["name"]: task["tags"] for task in tasks_of_site()}


@pytest.mark.parametrize("role", list(roles_of_site()))
def test_the_api_is_asked_for_whether_it_answers(role):
    """Else a check takes it for absent, and passes over what the role would do."""
    assert role in TAGS["Wait for the Kubernetes API"]
    assert role == "report" or role in TAGS["Install libraries and Helm"]
