# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a page, as JSON and as metrics."""

from __future__ import annotations

import json
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._report_files import report_files
from ansible_collections.baremesh.edge.tests.unit.plugins.plugin_utils.edges import HIDDEN, HOSTILE, NOW, facts_of

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; an element that is not closed is an error."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.texts = set(), [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def made(facts):
    """Page, report and metrics."""
    contents = report_files(facts, "html", "json", "prom")["contents"]
    return contents["html"], json.loads(contents["json"]), contents["prom"]


def test_a_page_of_what_is_served():
    html, _report, _metrics = made(facts_of(3))
    text = Page(html).text
    assert "All is served as it should be Seen 2026-12-01 08:00 UTC 3 sites Next certificate ends 2026-12-31" in text
    assert "What is wrong" not in text
    asked = text.index("https://site-1.example.com/")
    way = ["Host port", "192.0.2.10:443", "[2001:db8::10]:443", "NodePort", "30443", "Gateway pod", "istio-ingress-5c575564c9-x2k4d"]
    places = [text.index(part, asked) for part in (*way, "Service", "web-1.default:3000", "prefix /", "Pods", "2 of 2 healthy")]
    assert places == sorted(places)
    assert "passed through" in text


def test_causes_come_first_and_lead_to_their_sites():
    html, _report, _metrics = made(facts_of(6, broken=[3]))
    page = Page(html)
    assert "1 of 6 sites is not served as it should be" in page.text
    cause = "site-3 Order app-1-2394 is invalid: 403 from the authority Correct it, then run the playbook again."
    assert page.text.index(cause) < page.text.index("When certificates end")
    assert {("href", "#site-3"), ("id", "site-3"), ("open", None)} <= set(page.attributes)
    assert page.attributes.count(("open", None)) == 1
    assert "3f0a77c1 is not that of the Secret" in page.text
    assert "0 of 0 healthy empty-3.default:3000" in page.text


def test_a_page_without_sites():
    facts = facts_of(1) | {"sites": [], "ways_out": [], "unasked": [{"name": "db", "reason": "port 5432 has no TLS"}]}
    text = Page(made(facts)[0]).text
    assert "No site can be asked" in text
    assert "Not asked db: port 5432 has no TLS" in text


def test_findings_ways_and_what_differs_are_on_the_page():
    facts = facts_of(1) | {"problems": ["a", "b"], "findings": ["edge_sites is empty"], "differs": ["x is old"], "not_asked": ["no pod"]}
    facts["ways_out"] = [{**facts["ways_out"][0], "cause": "no pod is ready"}]
    text = Page(made(facts)[0]).text
    said = ["Not all is as it should be", "edge_sites is empty", "Ways out of istio-egress: no pod is ready", "x is old", "no pod"]
    assert [each for each in said if each not in text] == []


def test_what_differs_stands_before_what_is_fine():
    text = Page(made(facts_of(3) | {"differs": ["no such Service"]})[0]).text
    assert "All certificates are served, but something differs" in text
    assert text.index("no such Service") < text.index("When certificates end")


def test_what_ends_in_years_is_later():
    facts = facts_of(3)
    assert " later " not in Page(made(facts)[0]).text
    facts["sites"][0]["certificates"][0]["not_after"] = "2031-11-29T08:00:00Z"
    assert "2027-08-28 later" in Page(made(facts)[0]).text


def filled(text):
    """A report with a text wherever one can come from outside."""
    facts = facts_of(4, broken=[1], cause=text)
    site = facts["sites"][1]
    site |= {"name": text, "hosts": [text], "addresses": [f"https://{text}/"], "issuer": text, "server_names": [text, "b"]}
    for each in (*site["pods"], *site["host_ports"]):
        each |= {"pod": text, "place": text, "server_name": text, "serial": None, "reason": text, "address": text}
    site["backends"] = [{"service": text, "matches": [text], "healthy": 0, "endpoints": []}]
    site["certificates"] = [{**site["certificates"][0], "secret": text, "serial": text, "not_after": text, "not_before": text}]
    return facts | {"findings": [text], "differs": [text], "unasked": [{"name": text, "reason": text}]}


def test_nothing_from_outside_becomes_part_of_the_page():
    hostile, plain = (Page(made(filled(text))[0]) for text in (HOSTILE, "w*rd"))
    assert hostile.tags == plain.tags
    assert "script" not in hostile.tags
    assert [name for name, _value in hostile.attributes] == [name for name, _value in plain.attributes]
    changed = [name for (name, value), other in zip(hostile.attributes, plain.attributes) if (name, value) != other]
    assert set(changed) <= {"href", "content", "aria-label"}
    assert hostile.text.count("<script>alert(1)</script>") > 15


def test_a_page_needs_nothing_from_elsewhere():
    page = Page(made(facts_of(4, broken=[1]))[0])
    assert page.tags & {"script", "link", "img", "iframe", "object", "base", "form"} == set()
    assert not [value for name, value in page.attributes if name in ("src", "style") or name.startswith("on")]
    assert "url(" not in page.text
    assert "@import" not in page.text
    assert dict(page.attributes)["content"]
    assert any(str(value).startswith("default-src 'none'") for _name, value in page.attributes)


def test_secrets_and_control_characters_do_not_reach_the_files():
    facts = facts_of(4, broken=[1], cause=f"{HOSTILE} {HIDDEN}")
    for text in report_files(facts, "html", "json", "prom")["contents"].values():
        assert HIDDEN not in text
        assert not {"\x1b", "\u202e", "\x00"} & set(text)


def test_of_two_hundred_sites_it_stays_small():
    contents = report_files(facts_of(200, broken=[7]), "html", "json", "prom")["contents"]
    assert {path: len(text.encode()) <= 500_000 for path, text in contents.items()} == dict.fromkeys(contents, True)


def test_the_same_facts_make_the_same_files_but_for_the_time():
    first, second = (report_files(facts_of(4, broken=[1]), "html", "json", "prom") for _time in range(2))
    later = report_files(facts_of(4, broken=[1], now=NOW + timedelta(hours=1)), "html", "json", "prom")
    other = report_files(facts_of(4), "html", "json", "prom")
    assert first == second
    assert first["digest"] == later["digest"] != other["digest"]
    assert first["contents"] != later["contents"]
    assert all(f"sha256:{first['digest']}" in text for text in later["contents"].values())


def test_only_files_that_have_a_path_are_made():
    assert list(report_files(facts_of(1), metrics="/m.prom")["contents"]) == ["/m.prom"]


def test_metrics():
    lines = made(facts_of(4, broken=[1]))[2].splitlines()
    assert "# TYPE baremesh_edge_site_served gauge" in lines
    labels = 'site="site-1",namespace="istio-ingress"'
    port = f'host_port_served{{{labels},address="%s",port="443",server_name="site-1.example.com"}}'
    service = f'{{{labels},service="empty-1.default.svc.cluster.local:3000"}}'
    assert {line.removeprefix("baremesh_edge_") for line in lines if labels in line and "pod=" not in line} == {
        f"site_served{{{labels}}} 0",
        f'certificate_expiry_timestamp_seconds{{{labels},secret="site-1"}} 1798790400',
        f'certificate_renewal_timestamp_seconds{{{labels},secret="site-1"}} 1796198400',
        f"{port % '192.0.2.10'} 0",
        f"{port % '2001:db8::10'} 1",
        f"backend_endpoints{service} 0",
        f"backend_endpoints_healthy{service} 0",
    }
    assert "baremesh_edge_report_timestamp_seconds 1796112000" in lines
    assert "baremesh_edge_problems 2" in lines
    assert 'baremesh_edge_way_out_open{namespace="istio-egress"} 1' in lines


def test_servers_of_one_gateway_are_one_series_in_which_the_worst_counts():
    facts = facts_of(2, broken=[0])
    twice = facts["sites"][0]
    for order in ([twice, {**twice, "problems": []}], [{**twice, "problems": []}, twice]):
        lines = made(facts | {"sites": order})[2].splitlines()
        series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
        assert len(series) == len(set(series))
        assert 'baremesh_edge_site_served{site="site-0",namespace="istio-ingress"} 0' in lines


def test_labels_are_escaped():
    facts = facts_of(1)
    facts["sites"][0]["name"] = 'a"b\\c\nd'
    assert 'baremesh_edge_site_served{site="a\\"b\\\\c\\nd",' in made(facts)[2]


@pytest.mark.parametrize("text", ["2026-12-31", "2026-12-31T08:00:00", "soon", ""])
def test_a_time_of_another_form_breaks_nothing(text):
    facts = facts_of(2)
    facts["sites"][0]["certificates"][0] |= dict.fromkeys(("not_before", "not_after", "renewal_time"), text)
    html, _report, metrics = made(facts)
    assert "site-0" in Page(html).text
    assert ("certificate_expiry" in metrics) is text.startswith("2026")


@pytest.mark.parametrize(
    ("hours", "said"),
    [(-1, "ended 1 hour ago"), (5, "5 hours left"), (47, "47 hours left"), (48, "2 days left"), (-72, "ended 3 days ago")],
)
def test_how_long_a_certificate_lasts(hours, said):
    facts = facts_of(2)
    facts["sites"][0]["certificates"][0]["not_after"] = (NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert said in Page(made(facts)[0]).text
