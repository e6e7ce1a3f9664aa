# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test in the staged copy of the collection: ``tools/ansible_test.py sanity ...``.

Each sanity test gets a virtual environment of its own. ansible-test makes them under ``HOME`` and starts pip there with an
environment stripped of all settings, so this gives it a home of its own, with pip's settings and the bootstrap script in it.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import checkout

#: The pip that ansible-test of the pinned ansible-core asks for; with another it names the file that it misses.
PIP_VERSION = "24.2"
#: Settings of this process and not of pip's configuration.
NOT_SETTINGS = {"PIP_CONFIG_FILE", "PIP_REQUIRE_VIRTUALENV"}


def keep_pip_settings(home: Path) -> None:
    """Write the caller's pip settings where a pip with this home finds them."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    settings = configparser.ConfigParser(interpolation=None)
    settings["global"] = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        # A command's own section, such as install.user, means this user's commands and not those of a virtual environment.
        if section in {"global", ":env:"} and f"PIP_{key.upper().replace('-', '_')}" not in NOT_SETTINGS:
            settings["global"][key] = value.strip("'")
    path = home / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        settings.write(file)
    path.chmod(0o600)  # an index address may hold a password


def seed_bootstrap(home: Path) -> None:
    """Put our bootstrap script where ansible-test looks for a copy of its own."""
    target = home / ".ansible" / "test" / "cache" / f"get_pip_{PIP_VERSION.replace('.', '_')}.py"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkout.ROOT / "tools" / "get_pip.py", target)


def main(arguments: list[str]) -> int:
    """Stage the collection and run ansible-test there; its exit status is ours."""
    home = checkout.cache() / "ansible-test"
    keep_pip_settings(home)
    seed_bootstrap(home)
    stage = checkout.stage(arguments[0])
    program = Path(sys.executable).parent / "ansible-test"
    environment = os.environ | {"HOME": str(home), "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    # Its own configuration comes from the stage; ours would point it back at the checkout.
    environment.pop("ANSIBLE_CONFIG", None)
    return subprocess.run([program, *arguments], cwd=stage, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
