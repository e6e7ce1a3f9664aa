# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import multiprocessing

import jinja2

from ansible_collections.baremesh.edge.plugins.filter.edge import FilterModule


class Variables(dict):
    """Variables of a host that count how often each was evaluated."""

    def __init__(self, **values):
        super().__init__(values)
        self.evaluated = []

    def __getitem__(self, name):
        self.evaluated.append(name)
        return super().__getitem__(name)


def render(text, variables):
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters["once"] = FilterModule().filters()["once"]
    template = environment.from_string(text)
    return "".join(template.root_render_func(environment.context_class(environment, variables, template.name, template.blocks)))


def in_a_task(work):
    """Do work in a process of its own, as Ansible does a task, and return its result."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(work()))
    process.start()
    assert ours.poll(30)
    process.join()
    return ours.recv()


def many(host="edge1"):
    variables = Variables(plan=["a"], inventory_hostname=host)
    shown = [render("{{ 'plan' | once }}", variables) for _attempt in range(3)]
    return shown, variables.evaluated.count("plan")


def test_a_task_evaluates_a_variable_once():
    assert in_a_task(many) == (["['a']"] * 3, 1)


def test_the_process_that_makes_the_others_keeps_nothing():
    """It evaluates names of plays and tasks for as long as the run lasts."""
    assert many() == (["['a']"] * 3, 3)


def test_a_task_keeps_nothing_of_another_task():
    assert in_a_task(lambda: (many(), in_a_task(many)))[1] == (["['a']"] * 3, 1)


def test_hosts_have_values_of_their_own():
    def both():
        return [render("{{ 'plan' | once }}", Variables(plan=host, inventory_hostname=host)) for host in ("edge1", "edge2")]

    assert in_a_task(both) == ["edge1", "edge2"]


def test_a_variable_that_is_missing_is_missed():
    def missing():
        try:
            return render("{{ ('plan' | once).findings }}", Variables(inventory_hostname="edge1"))
        except jinja2.UndefinedError as error:
            return str(error)

    assert in_a_task(missing) == "'plan' is undefined"
