# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No token, key or password is where a user without the right to it could read it."""

from __future__ import annotations

import base64
import os
import re
import shlex
from pathlib import Path

import pytest

TOKEN = "/var/lib/rancher/k3s/server/token"
AGENT_TOKEN = "/var/lib/rancher/k3s/server/agent-token"
NAMESPACE = "istio-ingress"
PRIVATE_KEY = "PRIVATE KEY-----"
#: How the values begin that the inventory of the lab has in secret variables.
CANARY = "lab-canary-"
#: Folders that a run writes to.
WRITTEN = "/etc /opt /usr/local /var/lib/rancher /var/log /run/systemd /tmp /root"


#: The scenario site watches its run from a bare host on, and its hosts have kept their journal.
OF_A_WATCHED_RUN = pytest.mark.skipif(os.environ.get("MOLECULE_SCENARIO_NAME") != "site", reason="the scenario site alone is watched")


@pytest.fixture
def secrets(host, tls_secret):
    """Everything secret of this cluster, in the forms in which it could show up."""
    tokens = [host.check_output(f"cat {path}").strip() for path in (TOKEN, AGENT_TOKEN)]
    key = base64.b64decode(tls_secret["data"]["tls.key"]).decode()
    # A line from the middle of the key identifies it and survives quoting.
    return [*tokens, *(token.rsplit(":", 1)[-1] for token in tokens), key.splitlines()[2], tls_secret["data"]["tls.key"][40:100], CANARY]


def found(host, site, search, where=""):
    """Output of a search. The patterns are gathered on the host, so that the search does not carry them in its own arguments."""
    secret = f"k3s kubectl get secret --namespace {NAMESPACE} {site['name']} --output"
    tokens = f"cat {TOKEN} {AGENT_TOKEN}; sed 's/.*://' {TOKEN} {AGENT_TOKEN}"
    gather = f"{tokens}; {secret} jsonpath='{{.data.tls\\.key}}' | base64 --decode | sed -n 3p; echo {CANARY}"
    script = f"umask 077; {{ {gather}; }} > /run/patterns; {search} --file /run/patterns {where}; rm /run/patterns"
    return host.run(f"bash -c {shlex.quote(script)}").stdout


def test_no_argument_of_a_process(host, secrets):
    arguments = host.check_output("cat /proc/*/cmdline 2>/dev/null | tr '\\0' ' '; true")
    assert [secret[:6] for secret in secrets if secret in arguments] == []


@OF_A_WATCHED_RUN
def test_no_argument_of_a_process_while_the_run_lasted(host, secrets):
    """A service has noted them since before the first run."""
    arguments = host.check_output("cat /run/arguments.log")
    host.run("systemctl stop watch-arguments")
    assert re.search(r"python3|/bin/sh -c", arguments), "the processes of Ansible were not seen"
    assert "k3s server" in arguments or "k3s agent" in arguments
    assert [secret[:6] for secret in secrets if secret in arguments] == []


@OF_A_WATCHED_RUN
def test_no_journal_and_no_log_of_the_host(host, site):
    """Not even where root alone reads them: logs are sent on."""
    assert found(host, site, "journalctl --output=cat --all --no-pager | grep --count --fixed-strings").strip() == "0"
    modules = host.check_output("journalctl --output=cat --no-pager --grep='Invoked with' --lines=5")
    assert "Invoked with" in modules, "modules have not logged their options"
    assert found(host, site, "grep --recursive --files-with-matches --fixed-strings --exclude-dir=journal", "/var/log").split() == []


def test_no_environment_of_a_unit(host, secrets):
    units = host.check_output("cat /etc/systemd/system/*.service /etc/systemd/system/*/*.conf 2>/dev/null; true")
    assert [secret[:6] for secret in secrets if secret in units] == []


def test_no_file_that_others_can_read(host, site):
    search = (
        f"find {WRITTEN} -xdev -type f -perm /o+r -size -5M -print0 | xargs -0 --no-run-if-empty grep --files-with-matches --fixed-strings"
    )
    paths = found(host, site, search).split()
    # A folder above that others may not enter protects what is in it.
    assert [path for path in paths if reachable(host, path)] == []


@pytest.mark.parametrize("marker", [PRIVATE_KEY])
def test_no_private_key_that_others_can_read(host, marker):
    folders = "/etc/rancher /opt/baremesh /var/lib/rancher /tmp /root /run"
    command = f"find {folders} -xdev -type f -perm /o+r -exec grep --files-with-matches --fixed-strings -e {shlex.quote(marker)} {{}} +"
    found = [path for path in host.run(command).stdout.split() if reachable(host, path)]
    # Program libraries carry the words of the format, not a key.
    assert [path for path in found if not path.endswith((".py", ".pyc", ".so"))] == []


def reachable(host, path):
    return all(host.file(str(parent)).mode & 0o001 for parent in Path(path).parents)


def of_runs(log):
    """Leave out what ansible-inventory prints for Molecule and testinfra: the variables of the inventory, as they are written there."""
    parts = re.split(r"^(?=[\d-]+ [\d:,]+ p=\d+ )", log, flags=re.MULTILINE)
    process = re.compile(r"[\d-]+ [\d:,]+ p=(\d+) ")
    named = [(match[1] if (match := process.match(part)) else "", part) for part in parts]
    inventories = {number for number, part in named if "| ansible-inventory [core" in part}
    return "".join(part for number, part in named if number not in inventories)


def test_no_log_of_the_run(secrets):
    """The log is as wordy as -vvv --diff."""
    log = of_runs((Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ansible.log").read_text(encoding="utf-8", errors="replace"))
    assert re.search(r"ESTABLISH SSH CONNECTION|Using module file|task path", log), (
        "the log is not as wordy as it must be to prove something"
    )
    assert [secret[:6] for secret in secrets if secret in log] == []
    assert PRIVATE_KEY not in log
