# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary in every secret option of every module: what the module prints and logs does not hold it."""

from __future__ import annotations

import importlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from ansible.module_utils import basic

from ansible_collections.baremesh.edge.plugins.module_utils._module import EdgeModule

CANARY = "canary-kX7#q z"
NOWHERE = {"host": "http://127.0.0.1:1"}
CERTIFICATES = {**NOWHERE, "namespace": "a", "names": ["a"], "timeout": 0}
PODS = {**NOWHERE, "namespace": "a", "timeout": 0}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "b"}, "stringData": {"key": CANARY}}
TSIG = {"server": "127.0.0.1", "zone": "example.com", "key_name": "key", "algorithm": "HMACSHA256", "token": CANARY}
REVOCATION = {**NOWHERE, "state": "revoked", "namespace": "a", "names": ["a"], "labels": {"a": "b"}}
#: Arguments by module and secret option. They let the module come as far as it does without a cluster.
ARGUMENTS = {
    ("api_client_info", "api_key"): {**NOWHERE, "timeout": 1},
    ("certificate_info", "api_key"): {**NOWHERE, "namespace": "a", "names": ["a"]},
    ("certificate_orders_info", "api_key"): {**NOWHERE, "namespace": "a", "config_map": "a"},
    ("certificate_revoke", "api_key"): REVOCATION,
    ("certificate_revoke", "environment"): REVOCATION,
    ("certificate_renew", "api_key"): {**NOWHERE, "namespace": "a", "names": ["a"]},
    ("certificate_wait", "api_key"): CERTIFICATES,
    ("download", "environment"): {"url": "http://127.0.0.1:1/a", "dest": "/nonexistent/a", "sha256": "0" * 64},
    ("gateway_api_crds", "api_key"): {**NOWHERE, "version": "v1.6.0", "url": "https://me:pw@127.0.0.1:1/a"},
    ("gateway_api_crds", "environment"): {**NOWHERE, "version": "v1.6.0", "url": "https://127.0.0.1:1/a"},
    ("gateway_config_info", "api_key"): {**NOWHERE, "namespace": "a"},
    ("egress_wait", "api_key"): {**PODS, "selector": {"istio": "egress"}, "credentials": [{"name": "a"}]},
    ("external_secret_refresh", "api_key"): {**NOWHERE, "objects": [{"name": "a", "namespace": "a"}]},
    ("external_secret_wait", "api_key"): {**NOWHERE, "objects": [{"name": "a", "namespace": "a"}], "timeout": 1},
    ("helm_chart_fetch", "environment"): {"charts": {"a": "1"}, "repository": "https://127.0.0.1:1", "dest": "/nonexistent"},
    ("cluster_compare", "api_key"): {**NOWHERE, "releases": []},
    ("cluster_compare", "releases"): NOWHERE,
    ("cluster_compare", "objects"): NOWHERE,
    ("http01_probe_info", "api_key"): {**NOWHERE, "hosts": [], "addresses": []},
    ("ready_wait", "api_key"): {**NOWHERE, "objects": [{"kind": "ClusterIssuer", "name": "a"}], "timeout": 0},
    ("k3s_info", "given_token"): {},
    ("k3s_release", "environment"): {"version": "latest"},
    ("k3s_service", "service"): {"binary": "/nonexistent"},
    ("k3s_service", "service.configuration.secret"): {"binary": "/nonexistent"},
    ("mesh_info", "api_key"): {**NOWHERE, "namespaces": [{"name": "a"}]},
    ("object_apply", "api_key"): {**NOWHERE, "objects": [], "timeout": 0},
    ("object_apply", "objects"): {**NOWHERE, "timeout": 0},
    ("secret_copies_wait", "api_key"): {**NOWHERE, "secrets": [{"name": "a", "namespace": "a", "copies": ["b"]}], "timeout": 1},
    ("preflight_info", "api_key"): {**NOWHERE, "network": {"objects": [SECRET]}},
    ("preflight_info", "network"): NOWHERE,
    ("preflight_info", "network.dns01.token"): {**NOWHERE, "timeout": 1},
    ("preflight_info", "environment"): {"network": {"urls": [{"url": "http://127.0.0.1:1"}]}},
    ("sds_primer", "api_key"): {**PODS, "credentials": [{"name": "a", "hosts": ["a.example.com"]}]},
    ("sds_secret_info", "api_key"): PODS,
    ("sds_secret_wait", "api_key"): {**PODS, "credentials": [{"name": "a", "hosts": ["a.example.com"]}]},
}
#: How an option is given that is no text.
VALUES = {
    "service": {
        "name": "k3s",
        "files": [],
        "configuration": [{"path": "/dev/null/config.yaml", "secret": f"token: {CANARY}\n", "hide": ["token"]}],
    },
    "environment": {"HTTPS_PROXY": f"http://me:{CANARY}@127.0.0.1:1", "K3S_TOKEN": CANARY},
    "network": {"objects": [SECRET], "dns01": [TSIG]},
    "objects": [SECRET],
    "releases": [{"name": "a", "namespace": "a", "chart": "a", "chart_version": "1", "values": {"a": [CANARY]}}],
}
MODULES = sorted(path.stem for path in (Path(__file__).parents[4] / "plugins/modules").glob("*.py") if path.stem != "__init__")


def load(name):
    return importlib.import_module(f"ansible_collections.baremesh.edge.plugins.modules.{name}")


def secret_options(spec, prefix=""):
    for name, option in spec.items():
        if option.get("no_log"):
            yield f"{prefix}{name}"
        yield from secret_options(option.get("options") or {}, f"{prefix}{name}.")


def test_every_secret_option_has_a_canary(monkeypatch):
    class SpecError(Exception):
        pass

    def keep(_self, argument_spec, **_more):
        raise SpecError(argument_spec)

    monkeypatch.setattr(EdgeModule, "__init__", keep)
    found = set()
    for name in MODULES:
        with pytest.raises(SpecError) as caught:
            load(name).main()
        found |= {(name, option) for option in secret_options(caught.value.args[0])}
    assert found == set(ARGUMENTS)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("name", "option"), ARGUMENTS)
def test_no_canary_leaves_a_module(monkeypatch, capsys, name, option, check):
    top = option.partition(".")[0]
    given = {
        **ARGUMENTS[name, option],
        top: VALUES.get(top, CANARY),
        **{f"_ansible_{key}": value for key, value in (("check_mode", check), ("diff", True), ("verbosity", 4))},
        "_ansible_remote_tmp": tempfile.gettempdir(),
        "_ansible_keep_remote_files": False,
    }
    logged = []
    monkeypatch.setattr(os, "environ", {"PATH": "/nonexistent"})
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    monkeypatch.setattr(basic.syslog, "syslog", lambda *words: logged.append(str(words)))
    monkeypatch.setattr(basic, "has_journal", False)
    with pytest.raises(SystemExit):
        load(name).main()
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert logged
    whole = printed.out + printed.err + "".join(logged)
    assert not [form for form in (CANARY, CANARY.replace(" ", "%20"), "kX7") if form in whole]
