# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from edge_lab import golang, programs, versions
from edge_lab.errors import LabError

REFUSED = """\
go: downloading github.com/Venafi/vcert/v5 v5.13.7
go: example.com/a imports
\texample.com/b: github.com/Venafi/vcert/v5@v5.13.7: reading https://proxy.example/github.com/!venafi/vcert/v5/@v/v5.13.7.zip: 403 Forbidden
\tserver response: This module version is not available.
"""


def test_a_refused_module_is_named_with_its_version() -> None:
    text = golang.explain(REFUSED, "stack")
    assert "refused what lab/go/stack needs: github.com/Venafi/vcert/v5@v5.13.7 (403 Forbidden)" in text
    assert "proxy.example" not in text


def test_another_failure_shows_the_last_lines_without_downloads() -> None:
    text = golang.explain("go: downloading x v1\n# baremesh.edge/x\n./main.go:7:2: undefined: y\n", "k3s")
    assert text == "go failed in lab/go/k3s: # baremesh.edge/x / ./main.go:7:2: undefined: y"


@pytest.mark.parametrize(("said", "fine"), [("go1.26.0", True), ("go1.27rc1", True), ("go1.25.9", False), ("devel", False)])
def test_toolchain_must_be_new_enough(monkeypatch: pytest.MonkeyPatch, said: str, fine: bool) -> None:
    monkeypatch.setattr(golang, "go", lambda *_args, **_options: f"{said}\nlinux\namd64\n")
    if fine:
        assert golang.toolchain() == f"{said} linux amd64"
    else:
        with pytest.raises(LabError, match=rf"go is {said}; the lab needs Go 1\.26 or later"):
            golang.toolchain()


@pytest.fixture
def program(tmp_path: Path) -> golang.Program:
    shutil.copytree(golang.MODULES / "kubernetes", tmp_path / "module")
    return dataclasses.replace(programs.KUBERNETES, module=str(tmp_path / "module"))


def test_key_follows_sources_flags_and_toolchain(program: golang.Program) -> None:
    keys = [program.part("go1").key, program.part("go2").key, dataclasses.replace(program, tags=()).part("go1").key]
    main = program.module_dir / "main.go"
    main.write_text(main.read_text() + "\n")
    keys.append(program.part("go1").key)
    assert len(set(keys)) == len(keys)


def test_key_ignores_tests_and_other_programs(program: golang.Program) -> None:
    before = program.part("go1").key
    (program.module_dir / "main_test.go").write_text("package main\n")
    assert program.part("go1").key == before
    by_path = dataclasses.replace(program, packages={"x": "example.com/x"})
    before = by_path.part("go1").key
    (program.module_dir / "main.go").write_text("package main\n")
    assert by_path.part("go1").key == before


@pytest.mark.parametrize(
    ("module", "path", "version"),
    [
        ("kubernetes", "k8s.io/kubernetes", versions.KUBERNETES),
        ("stack", "github.com/k3s-io/kine", versions.KINE),
        ("etcd", "go.etcd.io/etcd/server/v3", versions.ETCD),
        ("etcd", "go.etcd.io/etcd/etcdutl/v3", versions.ETCD),
        ("stack", "github.com/coredns/coredns", f"v{versions.COREDNS}"),
        ("stack", "helm.sh/helm/v3", versions.HELM),
        ("stack", "istio.io/istio", versions.ISTIO_MODULE),
        ("stack", "istio.io/api", f"v{versions.ISTIO}"),
        ("stack", "istio.io/client-go", f"v{versions.ISTIO}"),
        ("stack", "github.com/cert-manager/cert-manager", versions.CERT_MANAGER),
        ("externalsecrets", "github.com/external-secrets/external-secrets", f"v{versions.EXTERNAL_SECRETS}"),
    ],
)
def test_go_mod_asks_for_the_versions_that_the_bundle_names(module: str, path: str, version: str) -> None:
    text = (golang.MODULES / module / "go.mod").read_text()
    assert re.findall(rf"^\t{re.escape(path)} (\S+)", text, re.MULTILINE) == [version]


def test_every_staging_module_is_replaced_by_the_same_version() -> None:
    text = (golang.MODULES / "kubernetes" / "go.mod").read_text()
    replaced = re.findall(r"^\t(\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) == 31
    assert {version for _old, _new, version in replaced} == {versions.KUBERNETES.replace("v1.", "v0.")}
    assert all(old == new for old, new, _version in replaced)
