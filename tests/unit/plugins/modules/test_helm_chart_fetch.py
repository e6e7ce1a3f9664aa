# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
import json
import os
import urllib.error

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._net import fetch
from ansible_collections.baremesh.edge.plugins.modules import helm_chart_fetch
from ansible_collections.baremesh.edge.tests.unit.plugins.running import run

REPOSITORY = "https://charts.example.com/istio"
ENTRY = {"version": "1.31.1", "urls": ["base-1.31.1.tgz"]}
INDEX = json.dumps({"entries": {"base": [ENTRY], "istiod": [{**ENTRY, "urls": ["istiod-1.31.1.tgz"]}]}}).encode()


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Run the module; what is fetched is removed, so that nothing is fetched twice."""
    contents = {"index.yaml": INDEX, "base-1.31.1.tgz": b"base", "istiod-1.31.1.tgz": b"istiod"}
    files = {f"{REPOSITORY}/{name}": content for name, content in contents.items()}
    monkeypatch.setattr(os, "environ", dict(os.environ))

    def open_url(url, **_options):
        if url not in files:
            raise urllib.error.HTTPError(url, 404, "Not Found", {}, None)
        return io.BytesIO(files.pop(url))

    monkeypatch.setattr(fetch, "open_url", open_url)

    def place(check=False, **options):
        given = {"charts": {"base": "1.31.1", "istiod": "1.31.1"}, "repository": REPOSITORY, "dest": str(tmp_path)}
        return run(monkeypatch, helm_chart_fetch, check=check, **{name: value for name, value in {**given, **options}.items() if value})

    return place


def test_charts_are_put_into_a_folder_and_the_index_is_read_once(place, tmp_path):
    charts = {name: str(tmp_path / f"{name}-1.31.1.tgz") for name in ("base", "istiod")}
    assert place() == {"changed": True, "charts": charts, "failed": False}
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["base-1.31.1.tgz", "istiod-1.31.1.tgz"]


def test_a_pin_for_one_chart_does_not_make_the_others_safe(place):
    pins = {"base": hashlib.sha256(b"base").hexdigest()}
    result = place(repository="http://charts.example.com/istio", sha256=pins, pin_name="istio_chart_sha256")
    assert "could replace the file: use https://, or name the digest in istio_chart_sha256." in result["msg"]


def test_check_mode_fetches_nothing(place, tmp_path):
    assert place(check=True)["changed"]
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_used_and_not_shown(place):
    result = place(environment={"HTTPS_PROXY": "http://me:hush@proxy:3128"}, repository="https://me:secret@elsewhere.example.com")
    assert os.environ["HTTPS_PROXY"] == "http://me:hush@proxy:3128"
    assert "https://elsewhere.example.com/index.yaml cannot be read: HTTP Error 404" in result["msg"]
    assert "hush" not in str(result)
    assert "secret" not in str(result)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"repository": None}, "one of the following is required: repository, folder"),
        ({"folder": "/srv/charts"}, "parameters are mutually exclusive: repository|folder"),
        ({"dest": None}, "missing parameter(s) required by 'repository': dest"),
    ],
)
def test_what_is_refused(place, options, said):
    assert said in place(**options)["msg"]
