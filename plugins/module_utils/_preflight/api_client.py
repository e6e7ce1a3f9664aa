# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host needs so that modules can talk to the Kubernetes API, and what of it cannot be installed."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError
from ansible_collections.baremesh.edge.plugins.module_utils._preflight.distribution import os_family, os_release

# Names of imports, and of the packages that pip knows for them.
LIBRARIES = {"yaml": "PyYAML", "cryptography": "cryptography"}
# Where distributions put the Python that their own packages belong to.
_DISTRIBUTION_PYTHONS = ("/usr/bin/", "/usr/libexec/platform-python")
_GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "s390x": "s390x", "ppc64le": "ppc64le"}


@dataclass(frozen=True)
class Host:
    """What was seen on a host. Defaults are those of this process."""

    python: str = sys.executable
    root: bool = field(default_factory=lambda: os.geteuid() == 0)
    libraries: tuple[str, ...] = field(default_factory=lambda: tuple(name for name in LIBRARIES if importlib.util.find_spec(name)))

    @property
    def missing_libraries(self) -> list[str]:
        """Imports that this Python does not have."""
        return [name for name in LIBRARIES if name not in self.libraries]

    @property
    def of_distribution(self) -> bool:
        """Whether packages of the distribution belong to this Python."""
        return self.python.startswith(_DISTRIBUTION_PYTHONS)

    @property
    def takes_packages(self) -> bool:
        """Whether packages of the distribution can be installed and belong to this Python."""
        return self.root and self.of_distribution


def is_executable(path: str | None) -> bool:
    """Whether there is such a program."""
    return bool(path) and os.path.isfile(str(path)) and os.access(str(path), os.X_OK)


def is_writable(folder: str) -> bool:
    """Whether the folder can be written, or made."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder) or "/"
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def find_problems(host: Host, install: bool, helm: str, tools_dir: str) -> list[str]:
    """A sentence for everything that is missing and cannot be installed.

    Args:
        host: what was seen.
        install: whether anything may be installed.
        helm: path of Helm.
        tools_dir: folder in which Helm is installed; Helm at another path is never installed.
    """
    found = []
    if host.missing_libraries and not (install and host.takes_packages):
        packages = [LIBRARIES[name] for name in host.missing_libraries]
        # pip would mix with the packages of the distribution, which refuses that with good reason.
        how = (
            f"the distribution's packages {' and '.join(f'python3-{name}' for name in host.missing_libraries)}"
            if host.of_distribution
            else f"them, for example with: {host.python} -m pip install {' '.join(packages)}"
        )
        found.append(f"{host.python} lacks the Python packages {' and '.join(packages)}; install {how}")
    if not is_executable(helm):
        if not install or not helm.startswith(tools_dir.rstrip("/") + "/"):
            found.append(
                f"edge_helm is {helm}, which cannot be executed; install Helm 3 there, or leave edge_helm unset and api_client_install true"
            )
        elif not is_writable(tools_dir):
            found.append(
                f"edge_tools_dir is {tools_dir}, in which user number {os.geteuid()} cannot write; set it to a folder that this user can "
                "write, such as ~/.local/share/baremesh"
            )
    return found


def probe(params: Mapping[str, Any], open_transport: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """What the module api_client_info returns.

    Args:
        params: how to connect, `timeout`, and `helm`, `tools_dir` and `install` as for find_problems; without helm the tools are not
            judged.
        open_transport: makes the transport of HTTP for these parameters.
    """
    host, machine, reason = Host(), platform.machine(), _ask(params, open_transport)
    return {
        "available": not reason,
        "reason": reason,
        "architecture": _GO_ARCHITECTURES.get(machine, machine),
        "os_family": os_family(os_release(Path("/"))),
        "missing_libraries": host.missing_libraries,
        "helm_ready": is_executable(params["helm"]),
        "problems": find_problems(host, params["install"], params["helm"], params["tools_dir"]) if params["helm"] else [],
    }


def _ask(params: Mapping[str, Any], open_transport: Callable[[dict[str, Any]], Any]) -> str:
    """Why the API is not available, empty where it is."""
    try:
        answer = open_transport(dict(params)).request("GET", "/readyz", {}, None, "application/json", params["timeout"])
    except EdgeError as exc:
        return str(exc)
    if answer.status == 200:
        return ""
    said = " ".join(answer.body.decode("utf-8", "replace").split())[:300]
    return f"The Kubernetes API is not ready: HTTP {answer.status} {said}".rstrip()
