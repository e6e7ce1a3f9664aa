# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the part of AWX that prepares a job: it lays out what ansible-runner gets, and keeps nothing else of AWX.

Inventory as a script that prints JSON, answers of a survey as text that is no template, the SSH key through a named pipe, credentials by
environment and files. The run itself is ansible-runner's, in the execution environment, by podman, as user 1000.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import ansible_runner
import checkout
import yaml

#: The user of a pod of AWX. This machine's root stands for the account that owns AWX's files, and is that user inside; root of the
#: container is another account, with no right to them.
OPTIONS = (
    "--user=1000:0", "--uidmap=0:1:1000", "--uidmap=1000:0:1", "--uidmap=1001:1001:64535", "--gidmap=0:0:65536",
    "--network=host", "--ulimit=nofile=20000:20000", "--ulimit=nproc=30000:30000", "--cap-drop=all",
)  # fmt: skip
#: What the lab's inventory says of this machine's files: in AWX credentials take their place.
LOCAL = ("ansible_ssh_private_key_file", "ansible_ssh_common_args", "ansible_control_path_dir")


class Unsafe(str):
    """Text that AWX marks, so that Ansible does not take it for a template."""

    __slots__ = ()


class Dumper(yaml.SafeDumper):
    """Writes the mark."""


Dumper.add_representer(Unsafe, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value)))


@dataclasses.dataclass(frozen=True)
class Job:
    """How a job ended."""

    status: str
    artifacts: dict[str, Any]
    changed: int
    failures: list[str]
    output: str
    #: Files beside the artifacts that are there after the job and were not before, or have another content.
    written: list[str]
    #: Everything in the folder of the artifacts, as one text.
    kept: str


class Controller:
    """Runs jobs with the hosts of a lab."""

    def __init__(self, image: str, folder: Path, inventory: Path) -> None:
        self.image, self.folder, self.numbers = image, folder, itertools.count(1)
        self.project = folder / "project"
        for name in checkout.tracked("ansible.cfg", "playbooks"):
            (self.project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout.ROOT / name, self.project / name)
        # With the variables of groups at the groups, as AWX imports an inventory: localhost, which is no host of it, has those of all.
        command = ["ansible-inventory", "--inventory", str(inventory), "--list", "--export"]
        self.inventory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        places = [*self.inventory["_meta"]["hostvars"].values(), *(group["vars"] for group in self.inventory.values() if "vars" in group)]
        (key,) = {place[LOCAL[0]] for place in places if LOCAL[0] in place}
        self.key = Path(key).read_text(encoding="utf-8")
        for place in places:
            for name in LOCAL:
                place.pop(name, None)
        configuration = folder / "containers.conf"
        configuration.write_text('[engine]\nruntime = "runc"\n', encoding="utf-8")
        os.environ["CONTAINERS_CONF"] = str(configuration)

    def files(self, data: Path) -> dict[str, bytes]:
        """Return all files of a job and of the project, without artifacts, pipes and sockets."""
        places = (data, self.project, checkout.ROOT / "playbooks", checkout.ROOT / "roles")
        found = (path for place in places for path in place.rglob("*") if path.is_file() and data / "artifacts" not in path.parents)
        return {str(path): path.read_bytes() for path in found}

    def job(
        self, playbook: str, *arguments: str, files: dict[str, str] | None = None, env: dict[str, str] | None = None, **answers: str
    ) -> Job:
        """Run a playbook of the project.

        Args:
            playbook: Its name.
            arguments: Further ones of ansible-playbook, as fields of a template become them.
            files: Files of credentials, by name; they are in /runner/env.
            env: Environment of credentials.
            answers: Answers of the survey.
        """
        assert all(isinstance(answer, str) for answer in answers.values())
        data = self.folder / f"job-{next(self.numbers)}"
        for name in ("inventory", "env", "artifacts", "cp"):
            (data / name).mkdir(parents=True)
        script = data / "inventory/hosts"
        script.write_text(f"#!/usr/bin/env python3\nprint({json.dumps(self.inventory)!r})\n", encoding="utf-8")
        script.chmod(0o700)
        for name, content in (files or {}).items():
            (data / "env" / name).write_text(content, encoding="utf-8")
        extra = {"awx_job_id": 1, **{name: Unsafe(answer) for name, answer in answers.items()}}
        (data / "env/extravars").write_text(yaml.dump(extra, Dumper=Dumper), encoding="utf-8")
        before = self.files(data)
        done = ansible_runner.run(
            private_data_dir=str(data),
            playbook=f"playbooks/{playbook}.yml",
            ident="1",
            cmdline=" ".join(arguments) or None,
            ssh_key=self.key,
            envvars={
                "ANSIBLE_HOST_KEY_CHECKING": "False",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": "/runner/cp",
                "ANSIBLE_SSH_ARGS": "-o UserKnownHostsFile=/dev/null -o ControlMaster=auto -o ControlPersist=60s",
                **(env or {}),
            },
            process_isolation=True,
            process_isolation_executable="podman",
            container_image=self.image,
            container_options=list(OPTIONS),
            container_volume_mounts=[f"{self.project}:/runner/project:ro"],
            # As AWX does it: neither environment nor key become files.
            suppress_env_files=True,
            quiet=True,
            settings={"job_timeout": 1500, "pexpect_use_poll": True},
        )
        events = list(done.events)
        stats = next((event["event_data"] for event in events if event["event"] == "playbook_on_stats"), {})
        failed = [event["event_data"] for event in events if event["event"] in ("runner_on_failed", "runner_on_unreachable")]
        after = self.files(data)
        artifacts = [path.read_text(encoding="utf-8", errors="replace") for path in (data / "artifacts").rglob("*") if path.is_file()]
        return Job(
            done.status,
            stats.get("artifact_data", {}),
            sum(stats.get("changed", {}).values()),
            [f"{event['task']}: {event['res'].get('msg', '')}" for event in failed if not event.get("ignore_errors")],
            done.stdout.read(),
            sorted(name for name, content in after.items() if before.get(name) != content),
            "\n".join(artifacts),
        )
