# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the report, as the role writes them."""

from __future__ import annotations

import json
import stat
import sys

import pytest

CAUSE = "<script>'\"{{ lookup('pipe', 'touch /tmp/edge-templated') }}{% raw %}\\"
FACTS = {
    **{key: [] for key in ("differs", "not_asked", "sites", "unasked", "ways_out")},
    **{key: [CAUSE] for key in ("problems", "findings")},
    "version": 1,
    "seen_at": "2026-12-01T08:00:00Z",
}
SHOWN = {"problems": ["app is not served"], "failure": "app is not served", "lines": [], "sites": []}
# As in a run, what the modules found is data and never a template.
CONTENT = [
    {
        "hosts": "edge1",
        "gather_facts": False,
        "tasks": [
            {"name": "Read facts", "ansible.builtin.command": {"argv": ["cat", "{{ facts }}"]}, "register": "read", "check_mode": False},
            {
                "name": "Write",
                "ansible.builtin.include_role": {"name": "baremesh.edge.report", "tasks_from": "verify"},
                "vars": {"_report_summary": {"facts": "{{ read.stdout | from_json }}", **SHOWN}, "edge_api_available": False},
            },
        ],
    }
]
REFUSED = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/nonexistent/sudo"}
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


@pytest.fixture(name="write")
def _write(play, tmp_path):
    def write(*arguments, facts=FACTS, groups=None, **variables):
        (tmp_path / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        files = {"report_html": "html", "report_json": "json", "report_metrics": "prom"}
        paths = {variable: str(tmp_path / "edge" / f"status.{ending}") for variable, ending in files.items()}
        hosts = {"all": {"hosts": {"edge1": LOCAL}, **(groups or {})}}
        return play(CONTENT, hosts, *arguments, **{"report_fail": False, "facts": str(tmp_path / "facts.json"), **paths, **variables})

    return write


def changed(run):
    assert run.status == 0, run.messages or run.output
    return {name.rpartition(" : ")[2] for name, _host, result in run.results() if result.get("changed")} - {"Read facts"}


def test_files_are_written_anew_and_changed_only_where_they_say_something_else(write, tmp_path):
    folder = tmp_path / "edge"
    assert changed(write("--check")) == {"Make the folders of the files"}
    assert not folder.exists()
    assert changed(write()) == {"Make the folders of the files", "Write the files"}
    assert sorted(path.name for path in folder.iterdir()) == ["status.html", "status.json", "status.prom"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert {key: value for key, value in json.loads((folder / "status.json").read_text("utf-8")).items() if key != "digest"} == FACTS
    assert "&lt;script&gt;&#39;&#34;{{ lookup(" in (folder / "status.html").read_text("utf-8")

    later = {**FACTS, "seen_at": "2026-12-01T09:00:00Z"}
    assert changed(write("--check", facts=later)) == set()
    assert "T08:00" in (folder / "status.json").read_text("utf-8")
    assert changed(write(facts=later)) == set()
    assert "T09:00" in (folder / "status.json").read_text("utf-8")

    other = {**later, "differs": ["a Service is gone"]}
    assert changed(write("--check", facts=other)) == {"Write the files"}
    assert changed(write(facts=other)) == {"Write the files"}


def test_the_controller_needs_no_privileges(write):
    groups = {"hosts": {"edge1": {**LOCAL, "ansible_become": False}}, "vars": REFUSED}
    assert changed(write(groups=groups)) == {"Make the folders of the files", "Write the files"}


def test_another_host_has_the_files_with_its_own_privileges(write):
    done = write(groups={"hosts": {"edge1": LOCAL, "store": {**LOCAL, **REFUSED}}}, report_host="store")
    assert done.status != 0
    assert "/nonexistent/sudo" in done.output


def test_what_is_not_asked_for_is_not_written(write, tmp_path):
    assert changed(write(report_json="", report_metrics=""))
    assert [path.name for path in (tmp_path / "edge").iterdir()] == ["status.html"]


def test_a_file_that_cannot_be_written_does_not_hide_the_summary(write):
    done = write(report_html="/proc/edge/status.html", report_fail=True)
    assert done.status != 0
    assert done.messages[-1] == "app is not served"
    assert "/proc/edge" in done.output
