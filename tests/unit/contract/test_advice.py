# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reader who does just what a message or a guide says loses no service, no data and no way to the host."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from project import ROOT, TolerantLoader

#: Advice that no text may give, by what it would cost its reader.
HARMFUL = {
    "stops what others use": (
        r"systemctl (--now )?(stop|disable|mask|kill)|service \S+ stop|disable --now|\bkill -\w|\bp?kill(all)? \S+d\b"
        r"|docker (stop|rm|kill|system prune)|podman (stop|rm|kill)|crictl rm|\bstop (it|them)\b|\bswapoff\b"
        r"|\b(stop|disable|uninstall|remove|purge) (docker|podman|containerd|tailscale\w*|sshd?|nginx|apache2?|haproxy|caddy)\b"
        r"|\b(stop|disable|uninstall|remove|purge) (the|these|those|its) (service|unit|program|container)s?\b"
    ),
    "takes a firewall away": (
        r"ufw (disable|reset|--force|default allow)|iptables(-\w+)?( -t \w+)? (-F|-X|--flush|-P \w+ ACCEPT)|nft (-f /dev/null|flush|delete)"
        r"|--set-default-zone|--zone=trusted|setenforce|SELINUX=|apparmor=0"
        r"|\b(disable|stop|turn off|switch off|remove|delete) (your |the |a )?(firewall\w*|ufw|selinux|apparmor|rule)\b"
        r"|\bfrom anywhere\b|\bto the (whole )?(world|internet)\b"
    ),
    "deletes data": (
        r"\brm -\w*[rf]|kubectl ([-\w]+ ){0,4}delete|helm ([-\w]+ ){0,4}(uninstall|delete)|k3s-(uninstall|killall)|\bmkfs|\bdd (if|of)="
        r"|\b(delete|remove|drop) (the |this |that |its |all )?(\S+ )?(secret|namespace|crd|volume|database|datastore|data directory)s?\b"
        r"|\b(delete|remove) (the|an) old (member|node)\b(?! only)|make room below|(, or|:) reset (the|a) host"
    ),
    "lowers the guard": (
        r"chmod (-R )?[0-7]?77\d|--insecure|\bcurl -\w*k|StrictHostKeyChecking|host_key_checking|validate_certs|insecureSkip\w*"
        r"|--break-system"
        r"|(curl|wget) [^`|]*\| *(sudo )?(ba)?sh|--no-check-certificate|apt-key|\[trusted=yes\]"
    ),
    "points a public name to a private address": (
        r"(record|name) (that )?points? to (a |the )?(private|10\.|192\.168\.|172\.1[6-9]\.|100\.64\.)"
    ),
}
#: What describes what a thing does or survives, and advises nothing; each with the words that make it harmless.
DESCRIPTIONS = {
    "docs/host_ports.md": r"`?nft flush ruleset`?",
    "roles/host_ports/README.md": r"`?nft flush ruleset`?",
}
GUIDES = sorted(
    path
    for pattern in ("README.md", "docs/*.md", "roles/*/README.md", "SECURITY.md")
    for path in ROOT.glob(pattern)
    if path.name not in ("development.md", "dependencies.md")
)


def literals(path: Path) -> Iterator[str]:
    """The sentences of a Python file: its strings, with … for values, without docstrings, which no user of a run reads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False) is not None:
            skipped.add(id(node.body[0].value))
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(value) for value in node.values}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(value.value) if isinstance(value, ast.Constant) else "…" for value in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def spoken(content) -> Iterator[str]:
    """What the tasks of a YAML document say when they run."""
    if isinstance(content, dict):
        yield from (str(content[key]) for key in ("msg", "fail_msg", "success_msg") if key in content)
    for entry in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from spoken(entry)


def texts() -> Iterator[tuple[str, str]]:
    """File and text of everything that a user may read as advice."""
    for path in sorted({*(ROOT / "plugins").rglob("*.py")} - {*(ROOT / "plugins/doc_fragments").iterdir()}):
        yield from ((str(path.relative_to(ROOT)), text) for text in literals(path) if " " in text)
    for folder in ("roles", "playbooks"):
        for path in sorted((ROOT / folder).rglob("*.yml")):
            content = yaml.load(path.read_text(encoding="utf-8"), TolerantLoader)
            yield from ((str(path.relative_to(ROOT)), text) for text in spoken(content))
    for path in GUIDES:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def harms(text: str) -> list[str]:
    """What a reader of a text may lose, with the words that say it."""
    plain = " ".join(text.split())
    return [f"{cost}: {found.group()}" for cost, pattern in HARMFUL.items() for found in re.finditer(pattern, plain, re.IGNORECASE)]


def test_no_advice_harms_who_follows_it():
    found = []
    for name, text in texts():
        found += [f"{name}: {harm}" for harm in harms(re.sub(DESCRIPTIONS[name], "", text) if name in DESCRIPTIONS else text)]
    assert sorted(set(found)) == []


@pytest.mark.parametrize(
    "text",
    [
        "stop it (systemctl disable --now docker.service) or let it listen elsewhere",
        "another process listens on 0.0.0.0:443: stop it",
        "disable the firewall",
        "run `ufw disable` and try again",
        "iptables -t nat -F clears the rules",
        "ufw has `ufw deny 80`: delete the rule",
        "give the host a unique name, or delete the old Node first",
        "kubectl -n istio-ingress delete secret app",
        "helm -n cert-manager uninstall cert-manager",
        "rm -rf /var/lib/rancher/k3s",
        "make room below the data directory",
        "give the old k3s_token, or reset the host",
        "create an A record that points to 192.168.1.10",
        "open port 6443 to the world",
        "pip install --break-system-packages PyYAML",
        "curl -sfL https://get.k3s.io | sh -",
        "set validate_certs to false",
    ],
)
def test_harmful_advice_is_recognised(text):
    assert harms(text)


@pytest.mark.parametrize(
    "text",
    [
        "give the host a unique name (node-name); the old Node may go only if its host is gone for good",
        "Delete the old Node only if its host is gone for good",
        "open port 6443 of the server to the hosts of the cluster",
        "remove the key from config.yaml",
        "Stops the keeper of the other backend's rules",
        "create an A record that points to 192.0.2.10",
        "remove the AAAA record",
    ],
)
def test_advice_that_costs_nothing_is_not_mistaken(text):
    assert harms(text) == []
