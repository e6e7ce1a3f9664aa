# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides say must be what the collection does."""

from __future__ import annotations

import re

import pytest
from project import ROOT, load, tracked
from test_bad_values import JUDGES, ROWS

from ansible_collections.baremesh.edge.plugins.plugin_utils._variables import known_variables

QUOTED = re.compile(r"`([^`]+)`")
#: Python breaks long sentences into several literals, and puts values into braces.
JOINED = re.compile(r"\"\s*\n\s*(?:f|r)?\"")
VALUE = re.compile(r"\{[^{}\n]*\}|\(\?P<\w+>[^)]*\)")


def messages():
    """The text of every plugin, role and playbook, with its sentences in one piece and without the values in them."""
    files = [*(ROOT / "plugins").rglob("*.py"), *(path for part in ("roles", "playbooks") for path in (ROOT / part).rglob("*.yml"))]
    text = "\n".join(JOINED.sub("", path.read_text(encoding="utf-8")) for path in files)
    return " ".join(VALUE.sub("…", text).replace("\\", "").split())


def first_lines():
    for line in (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8").splitlines():
        cells = line.split(" | ")
        if line.startswith("| `") and len(cells) == 2:
            yield from QUOTED.findall(cells[0])


@pytest.fixture(scope="module", name="said")
def _said():
    return messages()


@pytest.mark.parametrize("line", sorted(set(first_lines())))
def test_troubleshooting_quotes_what_the_collection_says(line, said):
    pieces = [piece.strip(" ':") for piece in re.split(r"…|\[0\]|443|MUTUAL", line)]
    assert [piece for piece in pieces if len(piece) > 3 and " ".join(piece.split()) not in said] == []


@pytest.mark.parametrize("kind", ["roles", "playbooks", "plugins/modules", "plugins/filter"])
def test_the_readme_names_everything_that_there_is(kind):
    names = {path.stem for path in (ROOT / kind).iterdir() if path.suffix in {".py", ".yml"} or kind == "roles"}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert sorted(name for name in names - {"target"} if not re.search(rf"\b{name}\b", text)) == []


EXAMPLES = ROOT / "docs/examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yml")), ids=lambda path: path.stem)
def test_a_page_shows_the_very_file_that_a_scenario_runs(path):
    """A page of several examples has a folder of its name."""
    name = path.relative_to(EXAMPLES).with_suffix("")
    page = ROOT / "docs" / f"{name.parts[0]}.md"
    assert f"```yaml\n{path.read_text(encoding='utf-8')}```\n" in page.read_text(encoding="utf-8")
    places = (ROOT / "tests/testinfra", ROOT / "tests/unit/playbooks")
    scenarios = [file.read_text(encoding="utf-8") for place in places for file in place.rglob("test_*.py")]
    assert any(f'example("{name}")' in text for text in scenarios)


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yml")), ids=lambda path: path.stem)
def test_a_page_shows_variables_that_there_are(path):
    given = load(path)
    assert "kind" in given or set(given) <= known_variables()


def test_the_registry_that_a_page_shows_passes():
    judges = {variable: JUDGES[judge] for judge, variable, *_row in ROWS}
    given = load(EXAMPLES / "registry.yml")
    assert [sentence for variable, value in given.items() for sentence in judges[variable](variable, value)] == []


@pytest.mark.parametrize(
    ("page", "file"),
    [("docs/egress.md", "lab/demo/egress.yml"), ("docs/tcp.md", "lab/demo/tcp.yml"), ("docs/dns01.md", "lab/demo/dns01.yml")],
)
def test_the_yaml_of_a_guide_is_what_a_scenario_runs(page, file):
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert "---\n" + "\n".join(blocks) == (ROOT / file).read_text(encoding="utf-8")


def test_the_yaml_of_several_gateways_is_the_file_that_the_scenario_runs():
    given = (ROOT / "lab/demo/gateways.yml").read_text(encoding="utf-8").removeprefix("---\n")
    assert f"```yaml\n{given}```" in (ROOT / "docs/gateways.md").read_text(encoding="utf-8")


def test_the_map_names_every_folder_and_no_other():
    text = (ROOT / "docs/development.md").read_text(encoding="utf-8")
    rows = text.split("## Map")[1].split("\n## ")[0].splitlines()
    mapped = [name for row in rows for name in re.findall(r"`([\w./]+/)`", row.split(" | ")[0])]
    folders = {f"{path.relative_to(ROOT).parent}/" for path in tracked() if path.parent != ROOT}
    assert [folder for folder in sorted(folders) if not any(folder.startswith(name) or name.startswith(folder) for name in mapped)] == []
    assert [name for name in mapped if not any(folder.startswith(name) for folder in folders)] == []
