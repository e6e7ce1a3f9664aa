# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filter says on the controller is what the module takes on the host."""

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.modules import mesh_info
from ansible_collections.baremesh.edge.plugins.plugin_utils._mesh_plan import make_plan
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock


def test_what_the_plan_says_is_what_the_module_takes(monkeypatch):
    monkeypatch.setattr(mesh_info, "open_transport", lambda params: FakeApi(ScriptedClock()))
    entries = [{"namespace": "shop"}, {"namespace": "web", "mtls": "STRICT", "injection": "no", "allow_from": ["shop/till"]}]
    result = run(monkeypatch, mesh_info, namespaces=make_plan(entries, {})["namespaces"])
    assert [each["metadata"]["name"] for each in result["namespaces"]] == ["shop", "web"]
