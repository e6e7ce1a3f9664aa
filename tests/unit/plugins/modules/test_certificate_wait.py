# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._kube import module
from ansible_collections.baremesh.edge.plugins.module_utils._kube import resources as kinds
from ansible_collections.baremesh.edge.plugins.module_utils._kube.client import KubeClient
from ansible_collections.baremesh.edge.plugins.module_utils._kube.errors import ConfigError
from ansible_collections.baremesh.edge.plugins.modules import certificate_wait
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run
from ansible_collections.baremesh.edge.tests.unit.plugins.scripted import FakeApi, ScriptedClock, ScriptedFeed

KEYS = {"certificates", "ready", "elapsed", "observations", "requests", "cause", "chain", "retry_at", "msg", "failed"}


@pytest.fixture
def api(monkeypatch):
    clock = ScriptedClock()
    found = FakeApi(clock)
    monkeypatch.setattr(certificate_wait, "open_client", lambda params: (KubeClient(found, clock), None))
    monkeypatch.setattr(certificate_wait, "ThreadFeed", lambda: ScriptedFeed(clock))
    monkeypatch.setattr(certificate_wait, "SystemClock", lambda: clock)
    found.apply(kinds.CLUSTER_ISSUERS, make.cluster_issuer())
    return found


def test_success_and_failure_have_the_same_keys(monkeypatch, api):
    failed = run(monkeypatch, certificate_wait, namespace=make.NS, names=["app"], timeout=2)
    api.apply(kinds.CERTIFICATES, make.certificate())
    api.apply(kinds.SECRETS, make.secret())
    ready = run(monkeypatch, certificate_wait, namespace=make.NS, names=["app"])
    assert failed["failed"] is True
    assert ready["failed"] is False
    assert set(failed) - {"changed"} == set(ready) - {"changed"} == KEYS
    assert ready["changed"] is False
    assert ready["msg"] == "1 of 1 Certificates are ready"


def test_renewed_since_as_certificate_renew_returns_it(monkeypatch, api):
    api.apply(kinds.CERTIFICATES, make.certificate(revision=3))
    api.apply(kinds.SECRETS, make.secret())
    assert run(monkeypatch, certificate_wait, namespace=make.NS, renewed_since={"app": 2})["failed"] is False
    assert run(monkeypatch, certificate_wait, namespace=make.NS, renewed_since={"app": "3"}, timeout=2)["failed"] is True


def test_check_mode_looks_once_and_does_not_fail(monkeypatch, api):
    found = run(monkeypatch, certificate_wait, check=True, namespace=make.NS, names=["app"])
    assert found["failed"] is False
    assert found["msg"] == "Would wait: Certificate istio-ingress/app is not ready: it does not exist"
    assert {r[0] for r in api.requests} == {"GET"}


def test_check_mode_where_there_is_no_api(monkeypatch):
    def refuse(params):
        raise ConfigError("kubeconfig is '/none', but there is no such file on this host")

    monkeypatch.setattr(certificate_wait, "open_client", refuse)
    found = run(monkeypatch, certificate_wait, check=True, namespace=make.NS, names=["app"])
    assert found["failed"] is False
    assert found["msg"].startswith("Would wait for app; the API cannot be asked for their state now: kubeconfig is '/none'")
    assert run(monkeypatch, certificate_wait, namespace=make.NS, names=["app"])["failed"] is True


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"renewed_since": {"app": "next"}}, "renewed_since for app is 'next'"),
        ({"renewed_since": {"app": "\u00b2"}}, "renewed_since for app is '\u00b2'"),
        ({"renewed_since": {"app": "\uff14"}}, "renewed_since for app is '\uff14'"),
        ({"timeout": 0}, "timeout is 0, it must be at least 1"),
        ({"names": ["a"], "label_selectors": ["b"]}, "names is a and label_selectors is b: give one of the two"),
    ],
)
def test_bad_input(monkeypatch, api, options, part):
    found = run(monkeypatch, certificate_wait, **options)
    assert found["failed"] is True
    assert part in found["msg"]
    assert api.requests == []


def test_progress_goes_to_the_file(monkeypatch, api, tmp_path):
    path = tmp_path / "progress"
    run(monkeypatch, certificate_wait, namespace=make.NS, names=["app"], timeout=12, progress_file=str(path))
    assert path.read_text(encoding="utf-8").splitlines() == ["app: does not exist yet (1 s)", "app: does not exist yet (11 s)"]


def test_the_folder_of_the_progress_is_made_and_readable(monkeypatch, api, tmp_path):
    path = tmp_path / "made/progress"
    old = os.umask(0o077)
    try:
        run(monkeypatch, certificate_wait, namespace=make.NS, names=["app"], timeout=2, progress_file=str(path))
    finally:
        os.umask(old)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path)] == [0o755, 0o644]


@pytest.mark.parametrize("folder", ["shared", "link", "file"])
def test_no_progress_goes_to_a_folder_in_which_others_can_replace_it(monkeypatch, api, tmp_path, folder):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    (tmp_path / "own").mkdir()
    (tmp_path / "link").symlink_to("own")
    (tmp_path / "file").write_text("")
    run(monkeypatch, certificate_wait, namespace=make.NS, names=["app"], timeout=2, progress_file=str(tmp_path / folder / "progress"))
    assert not list(tmp_path.rglob("progress"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_no_progress_goes_to_a_folder_of_another_user(monkeypatch, api, tmp_path):
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    run(monkeypatch, certificate_wait, namespace=make.NS, names=["app"], timeout=2, progress_file=str(tmp_path / "theirs/progress"))
    assert not list(tmp_path.rglob("progress"))


def test_progress_has_an_end(tmp_path):
    write = module.progress_writer(str(tmp_path / "progress"))
    for _line in range(40):
        write("x" * 65536)
    assert (tmp_path / "progress").stat().st_size < 2 << 20


def test_a_progress_file_that_is_there_already_is_left_alone(monkeypatch, api, tmp_path):
    path = tmp_path / "progress"
    path.write_text("mine", encoding="utf-8")
    run(monkeypatch, certificate_wait, namespace=make.NS, names=["app"], timeout=2, progress_file=str(path))
    assert path.read_text(encoding="utf-8") == "mine"
