# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a lab between two commands: a folder of its own, outside the checkout."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import paths
from .errors import LabError
from .network import MOST_AGENTS, MOST_SERVERS, Subnets

NAME = re.compile(r"^[a-z][a-z0-9-]{0,19}$")
DEFAULT_NAME = "edge"


@dataclass(frozen=True)
class Lab:
    """One lab: what was asked for, and where it lives."""

    name: str
    suite: str
    servers: int
    agents: int
    subnets: Subnets

    @property
    def hosts(self) -> list[str]:
        """Names of the bare hosts, servers first."""
        return [f"server{n + 1}" for n in range(self.servers)] + [f"agent{n + 1}" for n in range(self.agents)]

    @property
    def folder(self) -> Path:
        """Keys, known_hosts, inventory."""
        return folder(self.name)

    @property
    def network(self) -> str:
        """Name of its podman network."""
        return network_name(self.name)

    def container(self, host: str) -> str:
        """Name of the container that is this host."""
        return f"edgelab-{self.name}-{host}"

    def address(self, host: str) -> str:
        """IPv4 address of a host."""
        return self.subnets.addresses(host)[0]

    def scaled(self, servers: int | None, agents: int | None) -> Lab:
        """The same lab with other counts; None keeps."""
        lab = replace(
            self,
            servers=self.servers if servers is None else servers,
            agents=self.agents if agents is None else agents,
        )
        check_counts(lab.servers, lab.agents)
        return lab

    def save(self) -> None:
        """Write it down."""
        write(self.folder / "lab.json", json.dumps(asdict(self), indent=2) + "\n")


def network_name(name: str) -> str:
    """Name of the podman network of a lab."""
    return f"edgelab-{name}"


def check_counts(servers: int, agents: int) -> None:
    """Raise LabError for counts that a lab cannot have."""
    if not 1 <= servers <= MOST_SERVERS:
        raise LabError(f"--servers {servers}: a lab has 1 to {MOST_SERVERS} servers")
    if not 0 <= agents <= MOST_AGENTS:
        raise LabError(f"--agents {agents}: a lab has 0 to {MOST_AGENTS} agents")


def check_name(name: str) -> str:
    """The name, if a lab can have it.

    Raises LabError when it is not short, lower case and fit for a container name.
    """
    if not NAME.match(name):
        raise LabError(f"--name {name!r}: up to 20 lower-case letters, digits and hyphens, beginning with a letter")
    return name


def folder(name: str) -> Path:
    """Where a lab of this name keeps its things."""
    return paths.state() / check_name(name)


def load(name: str) -> Lab | None:
    """The lab of this name, or None when there is none."""
    path = folder(name) / "lab.json"
    try:
        data = json.loads(path.read_text())
        return Lab(**{**data, "subnets": Subnets(**data["subnets"])})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as broken:
        raise LabError(f"{path} cannot be read ({broken}); run `lab/lab down --name {name}` and `up` again") from broken


def must_load(name: str) -> Lab:
    """The lab of this name.

    Raises LabError when there is none, naming those there are.
    """
    lab = load(name)
    if lab is None:
        others = names()
        hint = f"there is: {', '.join(others)}" if others else "there is none; raise one with `lab/lab up`"
        raise LabError(f"no lab named {name!r}: {hint}")
    return lab


def names() -> list[str]:
    """Names of all labs that have a folder."""
    root = paths.state()
    return sorted(path.name for path in root.iterdir() if (path / "lab.json").exists()) if root.is_dir() else []


def forget(name: str) -> None:
    """Remove the folder of a lab."""
    shutil.rmtree(folder(name), ignore_errors=True)


def write(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Write a file in one step, so that no reader gets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=mode)
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    partial.replace(path)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep two commands from changing one lab at a time."""
    lock = paths.state() / ".locks" / check_name(name)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
