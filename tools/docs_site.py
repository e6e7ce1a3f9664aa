# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the docs site: the guides, and a page for each module, filter, callback and role. Every link within it must lead somewhere.

The sources are put together outside the checkout, each where it lies in the repository, so that links are the same there and on GitHub.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import checkout

#: What of the repository pages are made of, and what they link to.
SOURCES = ("*.md", "COPYING", "docs/**", ":(exclude).github")
#: What pages of plugins refer to in the documentation of Ansible and of other collections: their plugins, and variables of the environment.
PLUGIN = re.compile(r"\bansible_collections\.((?!baremesh\.)[a-z_]+)\.([a-z_]+)\.([a-z0-9_]+)\b")
VARIABLE = re.compile(r":ansenvvarref:`(ANSIBLE[^`]+)`")
ELSEWHERE = "https://docs.ansible.com/ansible/latest"


def run(*command: str, folder: Path) -> None:
    """Run a command; end with its status if it fails."""
    status = subprocess.run(command, cwd=folder, check=False).returncode
    if status:
        sys.exit(status)


def elsewhere(text: str) -> str:
    """Return a page to which references to the documentation of others lead, with links to it, since that is not built here."""
    title = "Documentation of others"
    lines = [":orphan:", "", title, "=" * len(title), ""]
    for namespace, collection, plugin in sorted(set(PLUGIN.findall(text))):
        name = f"{namespace}.{collection}.{plugin.rpartition('_')[0]}"
        link = f"`{name} <{ELSEWHERE}/collections/{namespace}/{collection}/{plugin}.html>`_"
        lines += [f".. _ansible_collections.{namespace}.{collection}.{plugin}:", "", link, "-" * len(link), ""]
    for name in sorted({name.replace("\\", "") for name in VARIABLE.findall(text)}):
        lines += [f".. envvar:: {name}", "", f"   `Of Ansible <{ELSEWHERE}/reference_appendices/config.html#envvar-{name}>`__", ""]
    return "\n".join(lines)


def main() -> None:
    """Build the site and print where it is."""
    stage = checkout.cache() / f"docs-{checkout.key()}"
    sources = stage / "sources"
    shutil.rmtree(stage, ignore_errors=True)
    for path in checkout.tracked(*SOURCES):
        (sources / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkout.ROOT / path, sources / path)
    plugins = sources / "plugins"
    plugins.mkdir(mode=0o755)
    pages = ("--squash-hierarchy", "--fail-on-error", "--dest-dir", str(plugins))
    run("antsibull-docs", "collection", "--use-current", *pages, "baremesh.edge", folder=checkout.ROOT)
    text = "".join(path.read_text(encoding="utf-8") for path in plugins.rglob("*.rst"))
    (plugins / "elsewhere.rst").write_text(elsewhere(text), encoding="utf-8")
    run("sphinx-build", "-b", "html", "-c", "docs/site", "-j", "auto", "-q", "-W", "--keep-going", ".", str(stage / "html"), folder=sources)
    print(f"docs site: {stage / 'html' / 'docs' / 'site' / 'index.html'}")


if __name__ == "__main__":
    main()
