# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the image of awx/execution-environment.yml where neither an image registry nor Galaxy can be reached, and print its name.

Its base is made from Debian's archive instead, this checkout is the collection, and kubernetes.core is that of the Python environment.
Needs root, podman and mmdebstrap. An image is made anew when its definition, its pins or the collection changed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import ansible_collections
import checkout
import galaxy_import
import yaml

sys.path.insert(0, str(checkout.ROOT / "lab"))
from edge_lab import image, machine

DEFINITION = checkout.ROOT / "awx/execution-environment.yml"
NAME = "localhost/baremesh-edge-ee"
#: What decides the image, of which the rest of the checkout is no part.
INPUTS = ("awx/execution-environment.yml", "galaxy.yml", "meta", "playbooks", "plugins", "requirements/constraints.txt", "roles")
PROGRAMS = Path(sys.executable).parent
#: A slim Debian, with the authorities by which pip and apt trust: their file is the machine's while the image is built.
BASE = image.Recipe("ee-base", "bookworm", ("ca-certificates",), image.RECIPE / "finish-ee-base.sh")


def say(text: str) -> None:
    """Print progress beside the name."""
    print(text, file=sys.stderr, flush=True)


def repacked(name: str, target: Path) -> Path:
    """Build the artifact of a collection of the Python environment, which has only the files that run it."""
    namespace, short = name.split(".")
    source = target / name
    shutil.copytree(Path(next(iter(ansible_collections.__path__))) / namespace / short, source)
    manifest = yaml.safe_load((source / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]
    (source / "galaxy.yml").write_text(yaml.safe_dump({key: value for key, value in manifest.items() if value}), encoding="utf-8")
    program = str(PROGRAMS / "ansible-galaxy")
    subprocess.run([program, "collection", "build", "--output-path", str(target), str(source)], check=True, stdout=subprocess.DEVNULL)
    return next(target.glob(f"{namespace}-{short}-*.tar.gz"))


def definition(artifacts: dict[str, Path]) -> dict[str, Any]:
    """Return the public definition with the base and the collections' artifacts that are here."""
    content: dict[str, Any] = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    content["images"]["base_image"]["name"] = BASE.reference
    wanted = content["dependencies"]["galaxy"]["collections"]
    content["dependencies"]["galaxy"]["collections"] = [
        {"name": f"/build/configs/{artifacts[entry['name']].name}", "type": "file"} for entry in wanted
    ]
    for entry in content["additional_build_files"]:
        entry["src"] = str((DEFINITION.parent / entry["src"]).resolve())
    content["additional_build_files"] += [{"src": str(path), "dest": "configs"} for path in artifacts.values()]
    return content


def build() -> str:
    """Return the name of the image, which is made where it is missing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digest = hashlib.sha256(BASE.key.encode())
        for path in checkout.tracked(*INPUTS):
            digest.update(str(path).encode() + (checkout.ROOT / path).read_bytes())
        reference = f"{NAME}:{digest.hexdigest()[:16]}"
        if subprocess.run(["podman", "image", "exists", reference], check=False).returncode == 0:
            return reference
        image.ensure(BASE, say)
        artifacts = {"kubernetes.core": repacked("kubernetes.core", folder), "baremesh.edge": galaxy_import.build(folder)}
        (folder / "definition.yml").write_text(yaml.safe_dump(definition(artifacts)), encoding="utf-8")
        context = folder / "context"
        create = [str(PROGRAMS / "ansible-builder"), "create", "--file", str(folder / "definition.yml"), "--context", str(context)]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
        say(f"{reference}: building, about two minutes")
        mounts = []
        # How apt and pip get out of here; the image keeps nothing of it.
        for number, (inside, content) in enumerate(machine.client_files().items()):
            (folder / f"client-{number}").write_bytes(content)
            mounts += ["--volume", f"{folder}/client-{number}:{inside}:ro"]
        command = ["podman", "build", "--isolation=chroot", "--network=host", *mounts, "--tag", reference, str(context)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return reference


if __name__ == "__main__":
    print(build())
