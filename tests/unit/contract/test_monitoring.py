# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs read: the report as JSON and metrics, and what the documentation says of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import jsonschema
import pytest
from project import ROOT, load

from ansible_collections.baremesh.edge.plugins.plugin_utils._report_files import METRICS, report_files
from ansible_collections.baremesh.edge.tests.unit.plugins.plugin_utils.edges import HOSTILE, WAY, facts_of

MONITORING = ROOT / "docs/monitoring"
SCHEMA = json.loads((MONITORING / "report.schema.json").read_text(encoding="utf-8"))
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
#: What the documentation may ask of others.
FOREIGN = {
    *(f"certmanager_certificate_{name}" for name in ("ready_status", "renewal_timestamp_seconds", "expiration_timestamp_seconds")),
    *("certmanager_clusterissuer_ready_status", "certmanager_issuer_ready_status"),
    *("certmanager_acme_client_request_count", "certmanager_clock_time_seconds_gauge"),
    *("istio_requests_total", "istio_request_duration_milliseconds_bucket"),
}
REPORTS = {
    "served": facts_of(12),
    "broken": facts_of(12, broken=[1, 4], cause=HOSTILE),
    "without a look at the gateways": facts_of(2, config=[]),
    "a closed way out": facts_of(1, ways=[WAY | {"cause": "no pod is ready"}]),
}


@pytest.mark.parametrize("facts", REPORTS.values(), ids=REPORTS)
def test_the_report_is_as_its_schema_says(facts):
    report = json.loads(report_files(facts, json_file="report.json")["contents"]["report.json"])
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(report)] == []


@pytest.mark.parametrize("facts", REPORTS.values(), ids=REPORTS)
def test_prometheus_can_read_the_metrics(facts):
    metrics = report_files(facts, metrics="edge.prom")["contents"]["edge.prom"]
    done = subprocess.run(
        [sys.executable, ROOT / "tools/promtool.py", "check", "metrics"], input=metrics, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def _names(expression):
    """The metrics of an expression: words that no parenthesis follows, but for labels, operators and texts."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(by|on|without|unless on)\s*\([^)]*\)', " ", expression)
    return set(re.findall(r"\b[a-z]\w+\b(?!\s*\()", bare)) - {"and", "or", "unless", "by", "on"}


def test_the_documentation_asks_for_metrics_that_there_are():
    asked = {target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]}
    asked |= {rule["expr"] for group in load(MONITORING / "alerts.yml")["groups"] for rule in group["rules"]}
    found = set().union(*map(_names, asked))
    assert found - FOREIGN == {f"baremesh_edge_{name}" for name in METRICS} & found
    assert len(found) > 15


def test_every_metric_and_alert_is_in_the_guide():
    guide = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    alerts = [rule["alert"] for group in load(MONITORING / "alerts.yml")["groups"] for rule in group["rules"]]
    assert [name for name in [*(f"baremesh_edge_{name}" for name in METRICS), *alerts] if f"`{name}`" not in guide] == []


def test_the_panels_of_the_dashboard_stand_side_by_side():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {"${datasource}"}
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _y in taken) < 24
