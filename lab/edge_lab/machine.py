# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's own client settings, handed on to hosts: how apt and pip get out of here is found, never known."""

from __future__ import annotations

import configparser
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from .run import run

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PIP_FILES = ("/etc/xdg/pip/pip.conf", "/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
# What decides where pip fetches from; paths of this machine (find-links, cache-dir) mean nothing on a host.
PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
APT_LEAVES = re.compile(r"^Acquire::(https?::(Proxy(::[^ ]+)?|Verify-Peer|Verify-Host|Timeout)|Check-Valid-Until|Check-Date|Retries) ")


def pip_conf(files: list[str], environment: Mapping[str, str]) -> str:
    """The `pip.conf` of a host, from the texts of the machine's files (later ones win) and its PIP_* variables."""
    settings: dict[str, str] = {}
    for text in files:
        parser = configparser.RawConfigParser()
        parser.read_string(text)
        if parser.has_section("global"):
            settings.update({key: value for key, value in parser.items("global") if key in PIP_KEYS})
    for key in PIP_KEYS:
        value = environment.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            settings[key] = value
    # A venv's pip trusts the bundle inside the wheel, not the host's.
    settings["cert"] = CA_BUNDLE
    lines = [f"{key} = " + "\n    ".join(value.split()) for key, value in sorted(settings.items())]
    return "\n".join(["[global]", *lines, ""])


def apt_conf(dump: str, environment: Mapping[str, str]) -> str:
    """The apt settings of a host, from `apt-config dump Acquire` and the proxy variables apt itself would read."""
    lines = [line for line in dump.splitlines() if APT_LEAVES.match(line)]
    for scheme in ("http", "https"):
        proxy = environment.get(f"{scheme}_proxy", "")
        if proxy and not any(line.startswith(f"Acquire::{scheme}::Proxy ") for line in lines):
            lines.append(f'Acquire::{scheme}::Proxy "{proxy}";')
    return "".join(f"{line}\n" for line in lines)


def archive_of(sources: str) -> str:
    """The machine's mirror of Debian's main archive, from the text of its source files; empty if none is named.

    Both forms are read: `deb URI suite main` and deb822 stanzas.
    """
    release = re.compile(r"^[a-z]+$")
    for line in sources.splitlines():
        words = re.sub(r"\[[^]]*\]", "", line).split()
        if len(words) >= 4 and words[0] == "deb" and release.match(words[2]) and "main" in words[3:]:
            return words[1].rstrip("/")
    for stanza in re.split(r"\n\s*\n", sources):
        fields = {
            key.strip().lower(): value.split()
            for key, _colon, value in (line.partition(":") for line in stanza.splitlines() if not line.startswith("#"))
        }
        suites = [suite for suite in fields.get("suites", []) if release.match(suite)]
        if "deb" in fields.get("types", []) and suites and "main" in fields.get("components", []) and fields.get("uris"):
            return fields["uris"][0].rstrip("/")
    return ""


def _sources() -> str:
    """Source files of a Debian machine; another distribution's archive is no Debian mirror."""
    if "ID=debian" not in Path("/etc/os-release").read_text().splitlines():
        return ""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.[ls]*"))]
    return "\n\n".join(path.read_text() for path in files if path.suffix in {".list", ".sources"} and path.is_file())


def debian_mirror(suite: str) -> list[str]:
    """Mirror arguments for mmdebstrap: none where Debian's own archive, its default, is what the machine uses."""
    archive = archive_of(_sources())
    if (urlsplit(archive).hostname or "debian.org").endswith("debian.org"):
        return []
    security = archive.rsplit("/", 1)[0] + "/debian-security"
    return [
        f"deb {archive} {suite} main",
        f"deb {archive} {suite}-updates main",
        f"deb {security} {suite}-security main",
    ]


def upstream_resolvers(*texts: str) -> list[str]:
    """Name servers that a container can use: those of the first text that has any off the loopback."""
    for text in texts:
        words = [line.split() for line in text.splitlines()]
        found = [w[1] for w in words if len(w) > 1 and w[0] == "nameserver" and not w[1].startswith(("127.", "::1"))]
        if found:
            return found
    return []


def resolvers() -> list[str]:
    """The machine's name servers, as upstreams of the lab's DNS."""
    files = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
    return upstream_resolvers(*(path.read_text() for path in files if path.is_file()))


def client_files() -> dict[str, bytes]:
    """Files that make apt, pip and TLS clients of a host work as the machine's do: path to content."""
    files: dict[str, bytes] = {}
    texts = [Path(name).expanduser() for name in PIP_FILES]
    found = [path.read_text() for path in texts if path.is_file()]
    files["/etc/pip.conf"] = pip_conf(found, os.environ).encode()
    dump = run(["apt-config", "dump", "Acquire"]).stdout if shutil.which("apt-config") else ""
    settings = apt_conf(dump, os.environ)
    if settings:
        files["/etc/apt/apt.conf.d/90machine"] = settings.encode()
    bundle = Path(os.environ.get("SSL_CERT_FILE") or CA_BUNDLE)
    if bundle.is_file():
        files[CA_BUNDLE] = bundle.read_bytes()
    return files


def raise_inotify_limit() -> str | None:
    """Make room for several systemd, kubelet and containerd, which share one limit per user.

    Returns what was changed, for the user to read.
    """
    knob, least = Path("/proc/sys/fs/inotify/max_user_instances"), 1024
    now = int(knob.read_text())
    if now >= least:
        return None
    knob.write_text(f"{least}\n")
    return f"raised this machine's fs.inotify.max_user_instances from {now} to {least} until its next boot"
