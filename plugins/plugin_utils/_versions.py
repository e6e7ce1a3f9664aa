# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions go together. Pure data and functions.

The dates follow https://kubernetes.io/releases/, which K3s keeps to.
Sources: https://istio.io/latest/docs/releases/supported-releases/ (1.31: its source's MinK8SVersion),
https://cert-manager.io/docs/releases/. A release that is not listed is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

# Lowest and highest minor version of Kubernetes 1.x that a release was made for; None: not published yet.
Range = tuple[int, Optional[int]]

ISTIO: Mapping[str, Range] = {
    "1.27": (29, 33),
    "1.28": (30, 34),
    "1.29": (31, 35),
    "1.30": (32, 36),
    "1.31": (32, None),
}
CERT_MANAGER: Mapping[str, Range] = {
    "1.18": (29, 33),
    "1.19": (31, 35),
    "1.20": (32, 35),
    "1.21": (33, 36),
}
# Day on which the support of a minor version of Kubernetes 1.x, and of K3s with it, ends. Versions before the first are out of it.
SUPPORT_ENDS: Mapping[int, str] = {
    33: "2026-06-28",
    34: "2026-10-27",
    35: "2027-02-28",
    36: "2027-06-28",
    37: "2027-10-28",
}
# Kubelets from here on refuse a host with cgroup v1 unless configured otherwise.
FIRST_WITHOUT_CGROUP_V1 = 35


def minor_of(version: str) -> tuple[int, int] | None:
    """Return major and minor of any version that begins with them, or C(None)."""
    match = re.match(r"v?([0-9]{1,9})\.([0-9]{1,9})(?:[^0-9]|$)", str(version))
    return (int(match.group(1)), int(match.group(2))) if match else None


def support_warning(k3s: str, today: str) -> str | None:
    """Return what to say of a K3s version whose support has ended by a day (YYYY-MM-DD), or C(None)."""
    minor = minor_of(k3s)
    if minor is None or minor[1] > max(SUPPORT_ENDS):
        return None
    end = SUPPORT_ENDS.get(minor[1])
    if end is not None and today <= end:
        return None
    supported = [f"v1.{number}" for number, day in SUPPORT_ENDS.items() if today <= day]
    choice = f"choose one of {', '.join(supported)}, minor by minor" if supported else "choose a later one, minor by minor"
    when = f"on {end}" if end else "long ago"
    return f"k3s_version {k3s} gets no security fixes any more, its support ended {when}: {choice}."


def version_findings(k3s: str, istio: str, cert_manager: str) -> tuple[list[str], list[str]]:
    """Return errors and warnings about versions that do not go together."""
    errors: list[str] = []
    warnings: list[str] = []
    for variable, value in (("istio_version", istio), ("cert_manager_version", cert_manager)):
        # A chart of one's own may have more behind the numbers. What Helm would take for a range is no version.
        if value and not re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+([-+.]\S*)?", value):
            errors.append(f"{variable} is {value!r}: it must be the version of a release, such as 1.28.1.")
    kubernetes = minor_of(k3s)
    if kubernetes is None:
        return errors, warnings
    for variable, value, table, product in (
        ("istio_version", istio, ISTIO, "Istio"),
        ("cert_manager_version", cert_manager, CERT_MANAGER, "cert-manager"),
    ):
        minor = minor_of(value)
        known = table.get(f"{minor[0]}.{minor[1]}") if minor else None
        if known is None:
            continue
        low, high = known
        span = f"1.{low} to 1.{high}" if high is not None else f"1.{low} and later"
        if kubernetes[1] < low:
            errors.append(
                f"{variable} {value} does not go with k3s_version {k3s}: {product} {value} is made for Kubernetes {span}; "
                "choose versions that fit each other."
            )
        elif high is not None and kubernetes[1] > high:
            warnings.append(f"{variable} {value} was not tested with k3s_version {k3s}: {product} {value} was made for Kubernetes {span}.")
    return errors, warnings
