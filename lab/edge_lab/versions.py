# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that says which versions the lab is made of.

The Go modules say it a second time, in their `go.mod`; a unit test compares the two.
"""

from __future__ import annotations

KUBERNETES = "v1.34.4"
K3S = f"{KUBERNETES}+lab1"
"""The tag of the stand-in's release: `+lab`, where K3s writes `+k3s`."""
KINE = "v0.16.4"
ETCD = "v3.6.16"
COREDNS = "1.14.4"
HELM = "v3.21.4"
ISTIO = "1.31.1"
ISTIO_MODULE = "v0.0.0-20260827124520-eed52ebb66ad"
ISTIO_HUB = "docker.io/istio"
CERT_MANAGER = "v1.21.2"
GATEWAY_API = "v1.6.0"
"""The one that this Istio is built with."""
ENVOY = "1.40.0"
ENVOY_SHA256 = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"
PAUSE = "3.6"
EXTERNAL_SECRETS = "0.16.2"
OPENBAO = "2.7.2"
OPENBAO_SHA256 = "db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866"
BACKEND = "1"

GO = (1, 26)
"""The oldest Go that the modules accept."""
