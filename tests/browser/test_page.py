# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the report in a browser. Screenshots are kept where EDGE_REPORTS says, else in the folder of the test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from ansible_collections.baremesh.edge.plugins.plugin_utils._report_files import report_files
from ansible_collections.baremesh.edge.tests.unit.plugins.plugin_utils.edges import HOSTILE, facts_of

REPORTS = {
    "served": facts_of(4),
    "differing": facts_of(3) | {"differs": ["VirtualService istio-ingress/app goes to a Service that is not there"]},
    "broken": facts_of(8, broken=[1, 3]),
    "hostile": facts_of(4, broken=[1], cause=HOSTILE * 9),
    "many": facts_of(200, broken=[7]),
    "empty": facts_of(1) | {"sites": [], "ways_out": []},
}
WIDTHS = {"phone": 360, "desk": 1280}


@pytest.fixture(scope="module", name="chromium")
def _chromium():
    with sync_playwright() as playwright:
        # Chromium's sandbox does not start as root, and nothing else is opened here.
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-background-networking"])
        yield browser
        browser.close()


@pytest.fixture(name="opened")
def _opened(chromium, tmp_path):
    """A function that opens a report as a page, and notes what the page asks of others and complains of."""

    def opened(name, **context):
        (tmp_path / "status.html").write_text(report_files(REPORTS[name], "page")["contents"]["page"], encoding="utf-8")
        page = chromium.new_context(**context).new_page()
        page.noted = []
        page.on("request", lambda request: page.noted.append(request.url))
        page.on("console", lambda message: page.noted.append(message.text))
        page.on("dialog", lambda dialog: page.noted.append(dialog.message))
        page.goto((tmp_path / "status.html").as_uri())
        assert page.noted == [(tmp_path / "status.html").as_uri()]
        return page

    return opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_everybody_can_read_it(opened, tmp_path, name, width, scheme):
    page = opened(name, viewport={"width": WIDTHS[width], "height": 900}, color_scheme=scheme)
    page.locator("details").evaluate_all("all => all.slice(0, 20).forEach(each => each.open = true)")
    folder = Path(os.environ.get("EDGE_REPORTS", tmp_path))
    page.screenshot(path=folder / f"page-{name}-{width}-{scheme}.png", full_page=name != "many")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_it_works_without_scripts(opened):
    page = opened("broken", java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page.get_by_text("site-2", exact=True).click()
    assert page.get_by_text("web-2.default:3000").first.is_visible()
    page.get_by_role("link", name="site-3", exact=True).click()
    assert page.url.endswith("#site-3")


def test_light_and_dark_differ(opened):
    shades = {
        scheme: opened("served", color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert shades == {"light": "rgb(246, 247, 249)", "dark": "rgb(17, 20, 23)"}
