# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that are none, in every variable and at every place of what people have: each ends in sentences."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from test_bad_values import JUDGES, ROWS
from test_shapes import NODE, _findings, _shapes

from ansible_collections.baremesh.edge.plugins.plugin_utils._k3s_plan import k3s_plan
from ansible_collections.baremesh.edge.plugins.plugin_utils._kept_plan import site_plan
from ansible_collections.baremesh.edge.tests.unit.plugins.fuzzing import survive

# More digits than Python reads, than a float holds, of other scripts, in other notations, and what YAML makes of .inf, .nan and -0.0.
NUMBERS = ["9" * 5000, "1" + "0" * 400, "1e999", "-1", "-0", "\uff14\uff14\uff13", "٣", "²", "8_0", "0x1bb", "0o673", "443.0"]
VALUES = [float("inf"), float("-inf"), float("nan"), -0.0, 1e300, -1, 10**400]
# The same as part of a duration, share, network, port, version, schedule or list.
PARTS = [f"{'9' * 5000}{unit}" for unit in ("s", "%", ":80", "/16", " * * * *")]
PARTS += [f"{start}{'9' * 5000}" for start in ("1.", "v1.33.", "192.0.2.0/", "192.0.2.1:", "*/", "30000-", "a=")]
PARTS += [
    "30²",
    "٣s",
    "٣%",
    "192.0.2.0/\uff12\uff14",
    "edge1:\uff14\uff14\uff13",
    "v1.\uff13.0",
    f"[0x{'f' * 5000}]",
    f"{{a: 0x{'f' * 5000}}}",
    "[.inf, .nan]",
]
PARTS += ["[!!int '']", "{a: !!bool maybe}", f"[!!float '{':'.join(['59'] * 200)}.5']"]
ODD = [*NUMBERS, *VALUES, *PARTS]
# What is said of other values of the variables that are numbers.
RANGED = {
    variable: row[1].partition("; ")[2]
    for _judge, variable, *row in ROWS
    if row[1].startswith(f"{variable} is '") and " a number from " in row[1]
}


@pytest.mark.parametrize(("judge", "variable"), [row[:2] for row in ROWS], ids=[row[1] for row in ROWS])
def test_of_a_variable(judge, variable):
    for value in ODD:
        found = JUDGES[judge](variable, value)
        assert all(isinstance(sentence, str) for sentence in found)
        if variable in RANGED:
            (sentence,) = [each for each in found if each.startswith(f"{variable} is ")]
            assert sentence.removesuffix(".") == f"{variable} is '{value}'; {RANGED[variable]}"


def test_numbers_are_among_them():
    assert {"edge_https_port", "edge_trusted_proxies", "edge_wait_timeout"} <= set(RANGED)


def _places(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    for key, below in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from _places(below, (*at, key))


def _changed(tree: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    found = tree.copy()
    found[at[0]] = _changed(tree[at[0]], at[1:], value)
    return found


def _node(key: str, kind: str = "server") -> Callable[[Any], list[str]]:
    return lambda value: k3s_plan({**NODE, "kind": kind, key: value})["findings"]


def _manifests(variable: str) -> Callable[[Any], list[str]]:
    return lambda spec: _findings(variable, [{"metadata": {"name": "given"}, "spec": spec}])


def _shaped() -> Iterator[tuple[Callable[[Any], list[str]], Any]]:
    """Yield what people have, with the code that judges it."""
    for kind, configs in _shapes("k3s_configs.yml").items():
        yield from ((_node(f"{kind}_config", kind), config) for config in configs.values())
    yield from ((_node("registries"), registries) for registries in _shapes("k3s_registries.yml").values())
    yield from ((_manifests("gateway_gateways"), spec) for spec in _shapes("gateways.yml").values())
    for variable, specs in _shapes("routes.yml").items():
        yield from ((_manifests(variable), spec) for spec in specs.values())
    certificates = _shapes("certificates.yml")
    yield from ((_manifests("certificate_certificates"), spec) for spec in certificates["certificates"].values())
    for variable in ("cert_manager_issuers", "cert_manager_solvers"):
        yield from ((lambda value, name=variable: _findings(name, [value]), entry) for entry in certificates[variable].values())
    plan = lambda site: site_plan([site], {"edge_email": "ops@example.com", "edge_addresses": ["192.0.2.1"]})["findings"]  # noqa: E731
    yield from ((plan, site) for site in _shapes("sites.yml").values())


SHAPED = list(_shaped())


@pytest.mark.parametrize("value", ODD, ids=[repr(value)[:24] for value in ODD])
def test_anywhere_in_what_people_have(value):
    dice = random.Random(repr(value))
    for judge, shape in dice.sample(SHAPED, 40):
        changed = _changed(shape, dice.choice(list(_places(shape))), value)
        survive(lambda given, judge=judge: [str.strip(sentence) for sentence in judge(given)], changed, (), seconds=10)
