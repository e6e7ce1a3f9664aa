# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the lab: which module each comes from and what its version string says."""

from __future__ import annotations

from . import versions
from .golang import Program

_KUBERNETES_VERSION = "k8s.io/component-base/version"
_ISTIO_VERSION = "istio.io/istio/pkg/version"
_ISTIO_VARIABLES = {
    f"{_ISTIO_VERSION}.buildVersion": versions.ISTIO,
    f"{_ISTIO_VERSION}.buildTag": versions.ISTIO,
    f"{_ISTIO_VERSION}.buildHub": versions.ISTIO_HUB,
    f"{_ISTIO_VERSION}.buildStatus": "Clean",
    f"{_ISTIO_VERSION}.buildGitRevision": versions.ISTIO_MODULE.rsplit("-", 1)[1],
}


def _kubernetes() -> Program:
    major, minor, _patch = versions.KUBERNETES.removeprefix("v").split(".")
    return Program(
        "kubernetes",
        "kubernetes",
        {"kubernetes": "."},
        {
            f"{_KUBERNETES_VERSION}.gitVersion": versions.K3S,
            f"{_KUBERNETES_VERSION}.gitMajor": major,
            f"{_KUBERNETES_VERSION}.gitMinor": minor,
            f"{_KUBERNETES_VERSION}.gitTreeState": "clean",
        },
        tags=("providerless",),
    )


def _istio(name: str, package: str) -> Program:
    # Without the tag the generated validation code of Envoy's API asks for a module of its own.
    return Program(f"istio {name}", "stack", {name: f"istio.io/istio/{package}"}, _ISTIO_VARIABLES, tags=("disable_pgv",))


KUBERNETES = _kubernetes()
# SQLite is C.
KINE = Program(
    "kine",
    "stack",
    {"kine": "github.com/k3s-io/kine"},
    {"github.com/k3s-io/kine/pkg/version.Version": versions.KINE},
    cgo=True,
)
ETCD = Program("etcd", "etcd", {"etcd": "go.etcd.io/etcd/server/v3", "etcdutl": "go.etcd.io/etcd/etcdutl/v3"})
K3S = Program("k3s launcher", "k3s", {"k3s": "."}, {"main.version": versions.K3S})
COREDNS = Program("coredns", "stack", {"coredns": "./coredns"})
HELM = Program(
    "helm",
    "stack",
    {"helm": "helm.sh/helm/v3/cmd/helm"},
    {
        "helm.sh/helm/v3/internal/version.version": versions.HELM,
        "helm.sh/helm/v3/internal/version.gitTreeState": "clean",
    },
)
PILOT_DISCOVERY = _istio("pilot-discovery", "pilot/cmd/pilot-discovery")
PILOT_AGENT = _istio("pilot-agent", "pilot/cmd/pilot-agent")
ISTIOCTL = _istio("istioctl", "istioctl/cmd/istioctl")
CERT_MANAGER = Program(
    "cert-manager",
    "stack",
    {"cert-manager": "./certmanager"},
    {"github.com/cert-manager/cert-manager/pkg/util.AppVersion": versions.CERT_MANAGER},
)
EXTERNAL_SECRETS = Program("external-secrets", "externalsecrets", {"external-secrets": "."})
SMALL = Program("backend and pause", "stack", {"backend": "./backend", "pause": "./pause"})

ALL = (KUBERNETES, KINE, ETCD, K3S, COREDNS, HELM, PILOT_DISCOVERY, PILOT_AGENT, ISTIOCTL, CERT_MANAGER, SMALL)
