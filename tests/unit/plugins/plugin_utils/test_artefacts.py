# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils._artefacts import artefact_findings

DIGEST = "a" * 64
ISTIO = {"base": DIGEST, "istiod": DIGEST, "gateway": DIGEST}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"k3s_release_url": "http://10.0.0.5/k3s"},
            (
                "k3s_release_url is 'http://10.0.0.5/k3s', from which anyone on the way could replace K3s, its binary and image archive: "
                "use https://, or name the SHA-256 in k3s_sha256, which has none (by file name)."
            ),
        ),
        ({"k3s_release_url": "HTTP://10.0.0.5/k3s", "k3s_sha256": ""}, "k3s_release_url is 'HTTP://10.0.0.5/k3s'"),
        ({"api_client_helm_url": "ftp://mirror/helm"}, "name the SHA-256 in api_client_helm_sha256, which has none (by architecture)."),
        (
            {"istio_chart_repository": "http://mirror", "istio_chart_sha256": {"base": DIGEST, "gateway": DIGEST}},
            "name the SHA-256 in istio_chart_sha256, which has no digest of istiod.",
        ),
        ({"cert_manager_chart_repository": "http://me:hush@mirror"}, "cert_manager_chart_repository is 'http://mirror'"),
        ({"k3s_sha256": {"k3s": "abc"}}, "k3s_sha256 has 'abc' for k3s: it must be the 64 hex digits of a SHA-256, by file name."),
        ({"istio_chart_sha256": {"base": 5}}, "istio_chart_sha256 has 5 for base"),
        ({"api_client_helm_sha256": DIGEST}, f"api_client_helm_sha256 is '{DIGEST}': it must be a dictionary"),
    ],
)
def test_what_could_be_replaced_on_the_way_is_one_sentence(values, said):
    (found,) = artefact_findings(values)
    assert said in found
    assert "hush" not in found


def test_all_findings_come_at_once():
    names = ("k3s_release_url", "api_client_helm_url", "istio_chart_repository", "cert_manager_chart_repository")
    assert len(artefact_findings(dict.fromkeys(names, "http://mirror"))) == 4


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"k3s_release_url": "https://mirror", "k3s_sha256": {}, "istio_chart_repository": None},
        {"k3s_release_url": "file:///srv/k3s"},
        {"istio_chart_repository": "oci://registry.example.com/charts"},
        {"k3s_release_url": "http://mirror", "k3s_sha256": {"k3s-arm64": DIGEST}},
        {"k3s_release_url": "http://mirror", "k3s_sha256": f'{{"k3s": "{DIGEST}"}}'},
        {"api_client_helm_url": "http://mirror", "api_client_helm_sha256": {"amd64": f"sha256:{DIGEST.upper()}"}},
        {"istio_chart_repository": "http://mirror", "istio_chart_sha256": ISTIO},
        {"cert_manager_chart_repository": "http://mirror", "cert_manager_chart_sha256": {"cert-manager": DIGEST}},
        # Ansible has judged this already.
        {"k3s_release_url": "mirror/k3s"},
    ],
)
def test_what_people_configure_is_accepted(values):
    assert artefact_findings(values) == []
