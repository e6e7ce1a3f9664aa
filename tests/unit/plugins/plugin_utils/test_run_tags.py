# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _run_tags
from ansible_collections.baremesh.edge.plugins.plugin_utils._run_tags import tags_verdict

SITE = "api_client, cert_manager, certificate, egress, external_secrets, gateway, host_ports, istio, k3s, mesh, preflight, report"


@pytest.fixture
def started(monkeypatch, tmp_path):
    """A function that sets the playbooks that the run was started with, by name or content."""

    def start(*playbooks):
        names = []
        for number, playbook in enumerate(playbooks):
            if not isinstance(playbook, str):
                (tmp_path / f"{number}.yml").write_text(json.dumps(playbook), encoding="utf-8")
            names.append(playbook if isinstance(playbook, str) else f"{number}.yml")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(_run_tags.context, "CLIARGS", {"args": tuple(names)})

    return start


IMPORT = [{"import_playbook": "baremesh.edge.site"}]
TAGGED = [{"name": "Edge", "ansible.builtin.import_playbook": "baremesh.edge.site", "tags": ["edge", "web"]}]
OWN = [*IMPORT, {"hosts": "all", "tasks": []}]
ELSEWHERE = [*IMPORT, {"import_playbook": "other.playbooks.base"}]
TEMPLATED = [{"import_playbook": "baremesh.edge.site", "tags": "{{ mine }}"}]


@pytest.mark.parametrize(
    ("playbook", "tags", "shown"),
    [
        ("baremesh.edge.site", ["nosuchtag"], SITE),
        (IMPORT, ["nosuchtag"], SITE),
        (IMPORT, ["gatway", "k3"], SITE),
        (TAGGED, ["site"], SITE.replace("egress", "edge, egress") + ", web"),
        ("baremesh.edge.k3s", ["istio"], "k3s"),
        ("baremesh.edge.reset", ["k3s"], "none"),
        ("baremesh.edge.renew", ["certificate"], "renewal"),
    ],
)
def test_tags_that_match_nothing_are_refused(started, playbook, tags, shown):
    started(playbook)
    name = playbook if isinstance(playbook, str) else "0.yml"
    finding = f"--tags {','.join(tags)} matches nothing in {name}; tags that are there: {shown}."
    assert tags_verdict(tags, []) == ([finding], [])


@pytest.mark.parametrize("tag", [*SITE.split(", "), "all", "tagged", "untagged", "never", "always"])
@pytest.mark.parametrize("playbook", ["baremesh.edge.site", IMPORT])
def test_tags_that_exist_pass(started, playbook, tag):
    started(playbook)
    assert tags_verdict([tag], []) == tags_verdict(["all"], [tag]) == ([], [])


@pytest.mark.parametrize("role", sorted(set(SITE.split(", ")) - {"report"}))
def test_a_playbook_has_the_tag_of_its_role(started, role):
    started(f"baremesh.edge.{role}")
    assert tags_verdict([role], []) == ([], [])


@pytest.mark.parametrize("playbooks", [[OWN], [ELSEWHERE], [TEMPLATED], [IMPORT, OWN], ["none.yml"], []])
def test_playbooks_of_ones_own_are_not_judged(started, playbooks):
    started(*playbooks)
    assert tags_verdict(["mine"], ["mine"]) == ([], [])


def test_tags_of_an_import_pass(started):
    started(TAGGED)
    assert tags_verdict(["edge"], ["web"]) == ([], [])


def test_all_playbooks_that_were_started_count(started):
    started("baremesh.edge.k3s", "baremesh.edge.istio")
    assert tags_verdict(["istio"], []) == ([], [])


def test_a_part_that_matches_nothing_is_a_warning(started):
    started("baremesh.edge.site")
    there = f"in baremesh.edge.site; tags that are there: {SITE}."
    assert tags_verdict(["k3s", "gatway"], []) == ([], [f"--tags gatway matches nothing {there}"])
    assert tags_verdict(["all"], ["gatway"]) == ([], [f"--skip-tags gatway matches nothing {there}"])
