# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import release


@pytest.mark.parametrize("version", ["v1.34.4+k3s1", "v1.34.0-rc2+k3s1", "v1.34.4+lab1"])
def test_versions_of_k3s_are_taken(version):
    assert release.parse_version(version)[:2] == (1, 34)


@pytest.mark.parametrize(
    "version", ["1.34.4+k3s1", "v1.34+k3s1", "v1.34.4", "v1.34.4-k3s1", "v1.34.4+k3s1 ", "v1.34.4+k3s1\n", "latest", ""]
)
def test_other_versions_are_refused_with_the_form(version):
    with pytest.raises(release.ReleaseError, match=r"k3s_version is .*vX\.Y\.Z\+k3sN"):
        release.parse_version(version)


@pytest.mark.parametrize(
    ("machine", "binary", "sums"),
    [
        ("x86_64", "k3s", "sha256sum-amd64.txt"),
        ("aarch64", "k3s-arm64", "sha256sum-arm64.txt"),
        ("arm64", "k3s-arm64", "sha256sum-arm64.txt"),
        ("armv7l", "k3s-armhf", "sha256sum-arm.txt"),
    ],
)
def test_files_of_an_architecture(machine, binary, sums):
    assert release.arch(machine)[:2] == (binary, sums)


def test_an_architecture_without_releases():
    with pytest.raises(release.ReleaseError, match="'riscv64'"):
        release.arch("riscv64")


def test_the_plus_of_a_version_is_escaped_in_addresses():
    assert release.asset_url("https://example.com/k3s/", "v1.34.4+k3s1", "k3s") == "https://example.com/k3s/v1.34.4%2Bk3s1/k3s"


@pytest.mark.parametrize(
    ("installed", "version", "why"),
    [
        ("v1.34.4+k3s1", "v1.34.4+k3s2", None),
        ("v1.33.9+k3s1", "v1.34.4+k3s1", None),
        ("", "v1.34.4+k3s1", None),
        ("unknown", "v1.34.4+k3s1", None),
        ("v1.34.4+k3s1", "v1.34.3+k3s1", "cannot be downgraded"),
        ("v1.32.9+k3s1", "v1.34.4+k3s1", "v1.33 release first"),
    ],
)
def test_steps_between_versions(installed, version, why):
    found = release.version_step_error(installed, version)
    assert found is None if why is None else why in found
