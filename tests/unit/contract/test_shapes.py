# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Valid input as people have it, in the files of the folder shapes: none of it may be refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_plan import k3s_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan

SHAPES = Path(__file__).resolve().parent / "shapes"
NODE = {
    "kind": "server",
    "host": "edge-1",
    "server_host": "edge-1",
    "server_url": "",
    "token": "",
    "version": "v1.33.5+k3s1",
    "server_config": {},
    "agent_config": {},
    "first_server_config": {},
    "data_dir": "/var/lib/rancher/k3s",
    "disable": ["traefik", "servicelb"],
    "registries": {},
    "environment": {},
}


def _shapes(file: str) -> dict[str, Any]:
    return yaml.safe_load((SHAPES / file).read_text(encoding="utf-8"))


def _parameters(shapes: dict[str, Any]) -> list[Any]:
    return [pytest.param(shape, id=name) for name, shape in shapes.items()]


@pytest.mark.parametrize("config", _parameters(_shapes("k3s_configs.yml")["server"]))
def test_configuration_of_a_server(config):
    plan = k3s_plan({**NODE, "server_config": config})
    assert plan["findings"] == []
    assert plan["config"].items() >= config.items()


@pytest.mark.parametrize("config", _parameters(_shapes("k3s_configs.yml")["agent"]))
def test_configuration_of_an_agent(config):
    plan = k3s_plan({**NODE, "kind": "agent", "host": "edge-2", "agent_config": config})
    assert plan["findings"] == []
    assert plan["config"].items() >= config.items()


@pytest.mark.parametrize("registries", _parameters(_shapes("k3s_registries.yml")))
def test_registries(registries):
    assert k3s_plan({**NODE, "registries": registries})["findings"] == []


def _findings(variable: str, value: Any, sites: Any = ()) -> list[str]:
    return site_plan(list(sites), {"edge_email": "ops@example.com", variable: value})["findings"]


@pytest.mark.parametrize("spec", _parameters(_shapes("gateways.yml")))
def test_gateway(spec):
    assert _findings("gateway_gateways", [{"metadata": {"name": "given"}, "spec": spec}]) == []


@pytest.mark.parametrize(
    ("variable", "spec"),
    [pytest.param(variable, spec, id=name) for variable, shapes in _shapes("routes.yml").items() for name, spec in shapes.items()],
)
def test_route(variable, spec):
    assert _findings(variable, [{"metadata": {"name": "given"}, "spec": spec}]) == []


@pytest.mark.parametrize("spec", _parameters(_shapes("certificates.yml")["certificates"]))
def test_certificate(spec):
    assert _findings("certificate_certificates", [{"metadata": {"name": "given"}, "spec": spec}]) == []


@pytest.mark.parametrize("variable", ["cert_manager_issuers", "cert_manager_solvers"])
def test_issuers_and_solvers(variable):
    shapes = _shapes("certificates.yml")[variable]
    assert {name: _findings(variable, [shape]) for name, shape in shapes.items()} == {name: [] for name in shapes}


def test_solvers_as_text_of_a_survey():
    assert _findings("cert_manager_solvers", "[{http01: {ingress: {ingressClassName: istio}}}]") == []


@pytest.mark.parametrize("site", _parameters(_shapes("sites.yml")))
def test_site(site):
    assert _findings("edge_addresses", ["192.0.2.1"], [site]) == []


def test_number_of_shapes():
    files = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in SHAPES.glob("*.yml")}
    grouped = ("k3s_configs.yml", "routes.yml", "certificates.yml")
    assert sum(sum(map(len, shapes.values())) if name in grouped else len(shapes) for name, shapes in files.items()) >= 200
