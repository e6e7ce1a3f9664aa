# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/moving.md: its sites serve what its Ingress and its IngressRoute serve."""

from __future__ import annotations

import re

import pytest
import yaml
from conftest import ROOT

HOST = re.compile(r"Host\(`([^`]+)`\)")
BELOW = re.compile(r"PathPrefix\(`([^`]+)`\)")


def example(name):
    return yaml.safe_load((ROOT / "docs/examples" / f"{name}.yml").read_text(encoding="utf-8"))


def way(route):
    """How a route takes requests: the kind of comparison, and the path."""
    ((kind, path),) = (route.get("match") or [{}])[0].get("uri", {"prefix": "/"}).items()
    return kind, path


def answer(target):
    """The service and its port, and how many of a hundred requests it gets."""
    service = target["destination"]
    return (service["host"].removesuffix(".svc.cluster.local"), service["port"]["number"]), target.get("weight", 100)


@pytest.fixture(name="services")
def _services(play):
    """Service and port with their weights, by host and by how a route takes requests."""
    show = {"name": "Show", "ansible.builtin.debug": {"msg": "{{ edge_sites | baremesh.edge.site_plan({'edge_email': 'a@example.com'}) }}"}}
    plan = play([{"hosts": "localhost", "gather_facts": False, "tasks": [show]}], {}, **example("moving/sites")).result("Show")["msg"]
    assert plan["findings"] == []
    return {
        (host, *way(route)): dict(map(answer, route["route"]))
        for service in plan["virtual_services"]
        for host in service["spec"]["hosts"]
        for route in service["spec"].get("http", [])
        if "route" in route
    }


def test_an_ingress(services):
    ingress = example("moving/ingress")
    space = ingress["metadata"]["namespace"]
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            service = path["backend"]["service"]
            right = {(f"{service['name']}.{space}", service["port"]["number"]): 100}
            plain, exact = path["path"].rstrip("/"), path["pathType"] == "Exact"
            assert services[rule["host"], "exact", plain] == right if plain else True
            assert exact or services[rule["host"], "prefix", plain + "/"] == right


def test_an_ingress_route(services):
    route = example("moving/traefik")
    space = route["metadata"]["namespace"]
    for rule in route["spec"]["routes"]:
        below = BELOW.search(rule["match"])
        place = HOST.search(rule["match"])[1], "prefix", below[1] if below else "/"
        assert services[place] == {(f"{entry['name']}.{space}", entry["port"]): entry.get("weight", 100) for entry in rule["services"]}
