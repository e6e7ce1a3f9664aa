# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry of images that asks for a password: Docker's own, as Debian packs it."""

from __future__ import annotations

import importlib.util
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

import runs

# Another folder has a module of that name, too.
_SPEC = importlib.util.spec_from_file_location("registry_authority", Path(__file__).resolve().parents[1] / "authority.py")
authority = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(authority)

NAME, PORT = "registry.example.com", 5000
ADDRESS = f"{NAME}:{PORT}"
FOLDER = "/run/registry"
PUBLISHER = "publisher", "only-for-the-test"
CONFIG = f"""
version: 0.1
storage:
  filesystem: {{rootdirectory: {FOLDER}/storage}}
auth:
  htpasswd: {{realm: lab, path: {FOLDER}/htpasswd}}
http:
  addr: ":{PORT}"
  tls: {{certificate: {FOLDER}/server.pem, key: {FOLDER}/server.key}}
"""
# Of a line `user password` the entry that the registry asks for, by bcrypt.
HASH = r"""perl -ne 'chomp; my ($user, $word) = split / /, $_, 2; print "$user:", crypt($word, q{$2y$05$abcdefghijklmnopqrstuu}), "\n"'"""


class Registry:
    """Runs on a machine; clients know it by NAME, where the lab's resolver sends them."""

    def __init__(self, machine, folder):
        self.machine, self.authority = machine, authority.Authority("registry", folder)
        self._paths = self.authority.issue("server", hosts=[NAME])[1]
        (folder / "ca.pem").write_text(self.authority.pem, encoding="utf-8")
        self._context = ssl.create_default_context(cafile=folder / "ca.pem")

    def start(self, *accounts):
        """Start it for accounts, each a user and a password."""
        self.machine.shell(
            "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends docker-registry"
        )
        self.machine.shell("systemctl stop docker-registry")
        for path, name in zip(self._paths, ("server.pem", "server.key")):
            self.machine.write(f"{FOLDER}/{name}", path.read_text(encoding="utf-8"), "600")
        self.machine.write(f"{FOLDER}/config.yml", CONFIG)
        self.machine.shell(f"{HASH} > {FOLDER}/htpasswd", "".join(f"{user} {word}\n" for user, word in accounts))
        self.machine.shell(f"systemd-run --quiet --collect --unit=registry docker-registry serve {FOLDER}/config.yml")
        runs.lab("dns", "set", NAME, self.machine.address)
        deadline = time.monotonic() + 30
        while self.status() != 401:
            assert time.monotonic() < deadline, self.machine.shell("journalctl --no-pager --unit registry")
            time.sleep(0.2)

    def status(self):
        """The status that it answers without a password, None while it does not answer."""
        try:
            with urllib.request.urlopen(f"https://{self.machine.address}:{PORT}/v2/", context=self._by_name(), timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            return None

    def _by_name(self):
        # Its name leads there from the lab alone.
        self._context.check_hostname = False
        return self._context

    def stop(self):
        """Stop it."""
        self.machine.shell(f"systemctl stop registry; rm -rf {FOLDER}")
        runs.lab("dns", "set", NAME, "clear")
