# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._versions import minor_of, support_warning, version_findings


@pytest.mark.parametrize(
    ("version", "minor"), [("v1.34.4+k3s1", (1, 34)), ("1.31.1", (1, 31)), ("v1.21", (1, 21)), ("x", None), ("", None)]
)
def test_the_minor_of_a_version(version, minor):
    assert minor_of(version) == minor


def test_versions_that_fit():
    assert version_findings("v1.34.4+k3s1", "1.31.1", "v1.21.2") == ([], [])


@pytest.mark.parametrize("version", ["latest", "1.31", "v1.21", "1.31.x", "~1.31.1", ">=1.31.0", "1.31.1 ", "release-1.31.1"])
@pytest.mark.parametrize("variable", ["istio_version", "cert_manager_version"])
def test_what_is_no_single_version_is_refused(variable, version):
    given = {"istio_version": "1.31.1", "cert_manager_version": "v1.21.2", variable: version}
    (error,) = version_findings("v1.34.4+k3s1", *given.values())[0]
    assert error == f"{variable} is {version!r}: it must be the version of a release, such as 1.28.1."


@pytest.mark.parametrize("version", ["1.31.1", "v1.31.1", "1.31.1-rc.1", "1.31.1-company.2+build.7", "1.31.1.2"])
def test_versions_of_charts_as_people_publish_them(version):
    assert version_findings("v1.34.4+k3s1", version, version)[0] == []


def test_a_kubernetes_that_is_too_old_is_an_error():
    errors, warnings = version_findings("v1.31.4+k3s1", "1.31.1", "v1.21.2")
    assert not warnings
    assert [error.split(" does")[0] for error in errors] == ["istio_version 1.31.1", "cert_manager_version v1.21.2"]
    assert "Kubernetes 1.33 to 1.36" in errors[1]


def test_a_kubernetes_that_is_newer_than_tested_is_a_warning():
    errors, warnings = version_findings("v1.37.0+k3s1", "1.30.1", "v1.21.2")
    assert not errors
    assert len(warnings) == 2


@pytest.mark.parametrize("k3s", ["", "latest", "v1.20.0+k3s1"])
def test_what_is_not_in_the_table_is_not_judged(k3s):
    assert version_findings(k3s, "9.9.9", "") == ([], [])


@pytest.mark.parametrize(
    ("version", "today", "said"),
    [
        ("v1.30.1+k3s1", "2026-11-28", "support ended long ago: choose one of v1.35, v1.36, v1.37, minor by minor."),
        ("v1.34.4+k3s1", "2026-11-28", "support ended on 2026-10-27: choose one of v1.35"),
        ("v1.37.1+k3s1", "2029-01-01", "support ended on 2027-10-28: choose a later one"),
    ],
)
def test_the_end_of_support_is_said(version, today, said):
    assert said in support_warning(version, today)


@pytest.mark.parametrize(("version", "today"), [("v1.35.6+k3s1", "2027-02-28"), ("v1.40.0+k3s1", "2026-11-28"), ("latest", "2026-11-28")])
def test_what_is_supported_or_unknown_is_not_judged(version, today):
    assert support_warning(version, today) is None
