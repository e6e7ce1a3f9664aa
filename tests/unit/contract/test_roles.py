# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every role promises, whoever writes it."""

from __future__ import annotations

import re

import pytest
from project import ROLES, ROOT, load, specs_of, task_files, tasks_in

ROLE = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
#: What design and README say is there.
PROMISED = {"preflight", "k3s", "api_client", "istio", "cert_manager", "host_ports", "certificate", "gateway", "report"}
#: The inventory's groups: only playbooks know them.
GROUPS = ("k3s_cluster", "server", "agent", "edge_api", "edge_egress", "edge_external_secrets", "edge_mesh")
#: The role that holds what the others share: it has no phases, and its variables are named edge_*.
COMMON = ROOT / "roles/common"
#: Whose modules talk to the API, and take the connection from module_defaults of this group.
CONNECTED = {
    **dict.fromkeys(load(ROOT / "meta/runtime.yml")["action_groups"]["edge"], "group/baremesh.edge.edge"),
    "kubernetes.core.helm": "group/kubernetes.core.helm",
    "kubernetes.core.k8s": "group/kubernetes.core.k8s",
    "kubernetes.core.k8s_info": "group/kubernetes.core.k8s",
}
PHASES = {"main", "preflight", "install", "configure", "verify", "remove"}
#: What roles say to those who use them.
OUTPUTS = {
    *("edge_api_available", "certificate_result", "revoke_result", "gateway_pods", "gateway_result"),
    *("istio_releases", "istio_workloads", "istio_objects", "istio_kinds"),
    *("cert_manager_releases", "cert_manager_workloads", "cert_manager_objects"),
}
FORBIDDEN_MODULES = {"ansible.builtin.shell", "shell", "ansible.builtin.pause", "pause", "ansible.builtin.raw", "raw"}


def test_the_promised_roles_are_there():
    assert {role.name for role in ROLES} >= PROMISED


@ROLE
@pytest.mark.parametrize("name", ["README.md", "meta/main.yml", "meta/argument_specs.yml", "defaults/main.yml"])
def test_a_role_is_complete(role, name):
    assert (role / name).is_file()


@ROLE
def test_every_entry_point_and_option_is_described(role):
    specs = specs_of(role)
    assert ("edge" if role == COMMON else "main") in specs
    missing = [entry for entry, spec in specs.items() if not (spec.get("short_description") and spec.get("description"))]
    missing += [f"{entry}: {path}" for entry, spec in specs.items() for path, option in options_of(spec) if not described(option)]
    assert missing == []


def options_of(spec, prefix=""):
    for name, option in (spec.get("options") or {}).items():
        yield prefix + name, option
        yield from options_of(option, f"{prefix}{name}.")


def described(option):
    return bool(option.get("description")) and bool(option.get("type"))


@ROLE
def test_defaults_and_argument_specs_name_the_same_variables(role):
    defaults = set(load(role / "defaults/main.yml") or {})
    specs = specs_of(role)
    declared = {name: option for spec in specs.values() for name, option in (spec.get("options") or {}).items()}
    optional = {name for name, option in declared.items() if not option.get("required")}
    assert defaults - set(declared) == set(), "in defaults/main.yml only"
    assert optional - defaults == set(), "optional and in meta/argument_specs.yml only"


@ROLE
def test_defaults_and_argument_specs_agree_on_literal_values(role):
    defaults = load(role / "defaults/main.yml") or {}
    specs = specs_of(role)
    differing = {
        name: (defaults[name], option["default"])
        for spec in specs.values()
        for name, option in (spec.get("options") or {}).items()
        if "default" in option and name in defaults and "{{" not in str(defaults[name]) and defaults[name] != option["default"]
    }
    assert differing == {}


@ROLE
def test_variables_carry_the_role_in_their_name(role):
    public = set(load(role / "defaults/main.yml") or {})
    derived = {name for path in (role / "vars").rglob("*.yml") for name in load(path) or {}}
    assert {name for name in public if not name.startswith(f"{prefix(role)}_")} == set()
    assert {name for name in derived if not f"{name}_".startswith(f"_{prefix(role)}_")} - OUTPUTS == set()


def prefix(role):
    """How the names of a role's variables begin; those that several roles share are defined in role common and nowhere else."""
    return "edge" if role == COMMON else role.name


@ROLE
def test_no_default_repeats_a_literal_of_role_common(role):
    shared = {name: value for name, value in load(COMMON / "defaults/main.yml").items() if "{{" not in str(value)}
    versions = set(load(COMMON / "vars/main/versions.yml")["_edge_versions"].values())
    long = {value: name for name, value in shared.items() if isinstance(value, str) and len(value) > 6}
    own = load(role / "defaults/main.yml") or {} if role != COMMON else {}
    assert {name: long[value] for name, value in own.items() if isinstance(value, str) and value in long} == {}
    assert {name for name, value in own.items() if isinstance(value, str) and value in versions} == set()
    assert {name for name, value in own.items() if re.search(r"edge_\w+\s*\|\s*default\(", str(value))} == set()


@ROLE
def test_registered_and_set_variables_carry_the_role_in_their_name(role):
    allowed = (f"_{prefix(role)}_", f"{prefix(role)}_", "_edge_api_probe")
    strange = []
    for path in task_files(role):
        for task in tasks_in(load(path)):
            names = [task["register"]] if "register" in task else []
            names += [name for name in task.get("ansible.builtin.set_fact", {}) if name != "cacheable"]
            names += [task["loop_control"]["loop_var"]] if "loop_var" in task.get("loop_control", {}) else []
            strange += [f"{path.relative_to(role)}: {name}" for name in names if not name.startswith(allowed)]
    assert strange == []


@ROLE
def test_set_fact_never_overrides_an_input(role):
    inputs = set(load(role / "defaults/main.yml") or {})
    overridden = {
        name
        for path in task_files(role)
        for task in tasks_in(load(path))
        for name in task.get("ansible.builtin.set_fact", {})
        if name in inputs
    }
    assert overridden == set()


@ROLE
def test_no_inventory_group_is_named(role):
    pattern = re.compile(rf"groups\s*(?:\[\s*['\"]|\.)\s*({'|'.join(GROUPS)})\b|in group_names|group_names")
    found = [
        f"{path.relative_to(role)}:{number}"
        for path in sorted(role.rglob("*"))
        if path.suffix in {".yml", ".j2"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@ROLE
def test_task_files_are_phases_or_parts_of_them(role):
    """Every role answers to the same phase names; ``tasks_from: remove`` must mean the same everywhere."""
    present = {path.stem for path in (role / "tasks").glob("*.yml")}
    if role == COMMON:
        assert not present & PHASES, "a role that does nothing by itself"
        return
    assert "main" in present
    assert present & PHASES - {"main"}, "no phase file beside main.yml"


@ROLE
def test_no_shortcuts(role):
    found = []
    for path in task_files(role):
        for task in tasks_in(load(path)):
            where = f"{path.relative_to(role)}: {task.get('name')}"
            found += [f"{where}: {name}" for name in FORBIDDEN_MODULES & set(task)]
            found += [f"{where}: ignore_errors"] if task.get("ignore_errors") not in (None, False) else []
            found += [f"{where}: kubectl"] if "kubectl" in str(task.get("ansible.builtin.command", "")) else []
    assert found == []


@ROLE
def test_the_connection_comes_from_module_defaults(role):
    """Once on a block: repeated on each task, it is forgotten on one of them sooner or later."""
    wrong = []
    for path in task_files(role):
        for task, defaults in with_defaults(load(path)):
            for module in set(task) & set(CONNECTED) | {name for name in task if name.removeprefix("baremesh.edge.") in CONNECTED}:
                where = f"{path.relative_to(role)}: {task.get('name')}"
                wrong += [f"{where}: kubeconfig of its own"] if "kubeconfig" in (task[module] or {}) else []
                wrong += [f"{where}: no module_defaults"] if CONNECTED[module.removeprefix("baremesh.edge.")] not in defaults else []
    assert wrong == []


def with_defaults(content, above=frozenset()):
    """Every task of a task file with the groups for which it, or a block around it, has module_defaults."""
    for task in content or []:
        defaults = above | set(task.get("module_defaults") or {})
        yield task, defaults
        for section in ("block", "rescue", "always"):
            yield from with_defaults(task.get(section), defaults)


PLAYBOOKS = sorted(path for path in (ROOT / "playbooks").rglob("*.yml") if path.parent.name != "vars")


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: str(path.relative_to(ROOT / "playbooks")))
def test_a_playbook_is_a_list_that_is_read_in_a_minute(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60
    assert [task["name"] for task in tasks_in(load(path)) if len(task.get("name", "")) > 60] == []


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_a_play_runs_whatever_the_controller_is_set_to(path):
    for play in load(path):
        if "hosts" in play:
            # What runs once, and tasks that wait for other hosts, need the hosts side by side.
            assert play.get("strategy") == "linear", play["name"]
            # That group is there only where the playbook target ran, which --start-at-task leaves out.
            assert play["hosts"] != "edge_api", play["name"]


def test_playbooks_have_no_shortcuts():
    for path in PLAYBOOKS:
        for task in tasks_in(load(path)):
            assert not FORBIDDEN_MODULES & set(task), path.name
            assert not task.get("ignore_errors"), path.name


@ROLE
def test_tasks_with_secrets_say_so(role):
    """A task that moves a token or key must not show it; what only *names* a file may."""
    secret = re.compile(r"(?<![a-z_])(token|password|private_key)\b(?!_(file|path))")
    moves = {
        "ansible.builtin.copy": "content",
        "ansible.builtin.template": "src",
        "ansible.builtin.uri": "headers",
        "ansible.builtin.slurp": "src",
    }
    shown = []
    for path in task_files(role):
        for task in tasks_in(load(path)):
            for module, key in moves.items():
                if module in task and secret.search(str(task[module].get(key, ""))) and not task.get("no_log"):
                    shown.append(f"{path.relative_to(role)}: {task.get('name')}")
    assert shown == []


@ROLE
def test_lists_that_surveys_send_as_text_are_read(role):
    """Taken as it is, a text is a list of letters. Roles common and preflight pass the value to Python, which reads it."""
    if role.name in ("common", "preflight"):
        return
    use = re.compile(r"\bedge_(addresses|proxy_addresses|host_addresses|pod_networks)\b(?! \| baremesh\.edge\.as_list\()(?!')")
    found = []
    for path in sorted([*role.rglob("tasks/*.yml"), *role.rglob("vars/*.yml"), *role.rglob("defaults/*.yml")]):
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [f"{path.name}:{number}" for number, line in enumerate(lines, 1) if not line.startswith("#") and use.search(line)]
    assert found == []


def starts_servers(play):
    """Whether a play starts K3s on the group of the servers."""
    names = [role["role"] for role in play.get("roles", ()) if isinstance(role, dict)]
    names += [
        task.get("ansible.builtin.import_role", {}).get("name") for task in play.get("tasks", ()) if "tasks_from: verify" not in str(task)
    ]
    ends = any("verify" in str(task.get("ansible.builtin.import_role", {})) for task in play.get("tasks", ()))
    return play.get("hosts") == "server" and "baremesh.edge.k3s" in names and not ends


SERVER_PLAYS = [
    pytest.param(play, id=f"{path.stem}: {play['name']}")
    for path in sorted((ROOT / "playbooks").rglob("*.yml"))
    for play in load(path)
    if isinstance(play, dict) and starts_servers(play)
]


def test_more_than_one_playbook_starts_servers():
    assert len(SERVER_PLAYS) >= 2


@pytest.mark.parametrize("play", SERVER_PLAYS)
def test_the_first_server_starts_before_others_ask_it_for_the_token(play):
    assert play["serial"] == 1, "the first server has a batch of its own, and so has each of the others"
    assert play["any_errors_fatal"], "nothing joins a server that did not start"


def test_a_server_joins_before_the_next_one_does():
    tasks = ROOT / "roles/k3s/tasks"
    (run,) = load(tasks / "run.yml")
    assert run["throttle"] == "{{ 1 if k3s_type == 'server' else 0 }}"
    steps = [next(iter(task.get(verb) for verb in task if verb.startswith("ansible.builtin."))) for task in load(tasks / "configure.yml")]
    assert steps == ["join.yml", "run.yml"], "what to join with is read before the start"
    order = [task["ansible.builtin.import_tasks"] for task in load(tasks / "start.yml")]
    assert order == ["preflight.yml", "install.yml", "configure.yml"]
