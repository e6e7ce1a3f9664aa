# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings the files of a K3s release in place, by checksum and by rename."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import existing, release
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import (
    STATE_DIR,
    DigestCache,
    make_directory,
    part_path,
    read_record,
    write_record,
)
from ansible_collections.baremesh.edge.plugins.module_utils._masking import printable
from ansible_collections.baremesh.edge.plugins.module_utils._net import digests, fetch

_LINKS = ("kubectl", "crictl", "ctr")


class ReleaseFile(NamedTuple):
    """One file to place: where, from where, and its SHA-256 if that is known before the checksum file is read."""

    path: str
    source: str
    name: str
    mode: int
    sha256: str | None


class Placer:
    """Brings the files of a release in place.

    Args:
        params: Options of the module.
        machine: Architecture of the host as C(uname -m) calls it.
        find_command: Returns the path of a command, or C(None).
        ask_version: Returns what C(--version) of a binary prints, empty if it does not run.
        state_dir: Folder for what is noted between runs.
        root: Folder that stands for the root of the host, where another K3s may be.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        machine: str,
        find_command: Callable[[str], str | None],
        ask_version: Callable[[str], str],
        state_dir: str = STATE_DIR,
        root: str = "",
    ) -> None:
        self.p = params
        self.ask_version = ask_version
        self.root = root
        self.find_command = find_command
        self.record_path = os.path.join(state_dir, "release.json")
        self.arch = release.arch(machine)
        self.digests = DigestCache(os.path.join(state_dir, "digests.json"))
        self.base = self.p["local_dir"] or release.asset_url(self.p["url"], self.p["version"], "").rstrip("/")
        self.binary = os.path.join(self.p["bin_dir"], "k3s")
        self.images = os.path.join(self.p["data_dir"], "agent", "images")
        self.record = read_record(self.record_path)
        self._sums: str | None = None

    def installed_version(self) -> str | None:
        """Return the version of the binary in place: the noted one if it is the noted binary, else what the binary itself says."""
        noted = self.record.get("version")
        digest = self.digests.digest(self.binary)
        if digest is None or digest == (self.record.get("sha256") or {}).get(self.binary):
            return noted
        match = re.search(r"\bversion (v\S+)", self.ask_version(self.binary))
        return match.group(1) if match else noted

    def files(self) -> list[ReleaseFile]:
        """Return all files that belong in place."""
        name = self.arch.binary
        files = [ReleaseFile(self.binary, self._source(name), name, 0o755, self._pin(name))]
        if self.p["airgap_images"]:
            name = self.arch.images
            files.append(ReleaseFile(os.path.join(self.images, name), self._source(name), name, 0o644, self._pin(name)))
        for archive in self.p["archives"]:
            name = os.path.basename(archive["name"] or archive["url"].split("?")[0].rstrip("/"))
            digest = digests.sha256(archive["checksum"])
            if digest is None:
                raise release.ReleaseError(
                    f"The checksum of the image archive {archive['url']} is {archive['checksum']!r}: it must be sha256: and 64 hex digits."
                )
            files.append(ReleaseFile(os.path.join(self.images, name), archive["url"], name, 0o644, digest))
        return files

    def _pin(self, name: str) -> str | None:
        given = self.p["sha256"].get(name)
        digest = digests.sha256(str(given)) if given is not None else None
        if given is not None and digest is None:
            raise release.ReleaseError(f"k3s_sha256 has {given!r} for {name}: it must be the 64 hex digits of a SHA-256.")
        if digest is None and not self.p["local_dir"] and not digests.is_secure(self.base):
            shown = digests.without_password(self.p["url"])
            raise release.ReleaseError(
                f"k3s_release_url is {shown!r}, and k3s_sha256 has no digest of {name}, so that anyone on the way could replace what this "
                "host runs: use https://, or name the digest."
            )
        return digest

    def _source(self, name: str) -> str:
        return f"{self.base}/{name}"

    def in_place(self, file: ReleaseFile) -> bool:
        """Tell whether a file is what this release calls for, without asking the network."""
        known = file.sha256
        if known is None and self.record.get("version") == self.p["version"] and self.record.get("base") == printable(self.base):
            known = (self.record.get("sha256") or {}).get(file.path)
        return known is not None and self.digests.digest(file.path) == known

    def place(self, file: ReleaseFile) -> str:
        """Fetch a file and put it in place; return its SHA-256.

        Raises:
            ReleaseError: It cannot be fetched or has another checksum.
        """
        digest = file.sha256 or self._listed(file.name)
        if self.digests.digest(file.path) == digest:
            return digest
        make_directory(os.path.dirname(file.path), 0o755)
        with self._open(file.source, file.sha256 is not None) as stream:
            fetch.place(stream, file.source, part_path(file.path), file.path, file.mode, digest)
        return digest

    def _listed(self, name: str) -> str:
        if self._sums is None:
            source = self._source(self.arch.sums)
            with self._open(source) as stream:
                self._sums = fetch.read_text(stream, source)
        digest = digests.checksum_of(self._sums, name)
        if digest is None:
            raise release.ReleaseError(
                f"{self._source(self.arch.sums)} lists no checksum for {name}: this release does not have that file."
            )
        return digest

    def _open(self, source: str, pinned: bool = False) -> Any:
        shown = digests.without_password(self.p["url"])
        try:
            if self.p["local_dir"]:
                return open(source, "rb")
            return fetch.open_file(source, self.p["timeout"], self.p["ca_path"], pinned)
        except fetch.InsecureError as error:
            raise release.ReleaseError(f"{error}: correct k3s_release_url ({shown}), or set k3s_sha256.") from error
        except (OSError, ValueError) as error:
            advice = (
                f"k3s_airgap_dir must hold the files of {self.p['version']}"
                if self.p["local_dir"]
                else f"check k3s_version ({self.p['version']}) and k3s_release_url ({shown})"
            )
            raise release.ReleaseError(f"{digests.without_password(source)} cannot be read: {error}; {advice}.") from error

    def missing_links(self) -> list[str]:
        """Return the links to make: like K3s's installer, only where no such command is found."""
        return [
            link
            for link in (os.path.join(self.p["bin_dir"], name) for name in _LINKS)
            if not os.path.lexists(link) and self.find_command(os.path.basename(link)) is None
        ]

    def save(self, placed: Mapping[str, str]) -> None:
        """Note which release the files belong to."""
        # Everyone may read this file, and an address may have a password.
        record = {"version": self.p["version"], "base": printable(self.base), "sha256": dict(placed)}
        if record != self.record:
            write_record(self.record_path, record, 0o644)


def place_release(placer: Placer, check_mode: bool) -> dict[str, Any]:
    """Bring a release in place and return the module's result.

    Args:
        placer: Knows the options and what is in place.
        check_mode: Whether to report only what would be placed.

    Raises:
        ReleaseError: The release cannot be placed; what was in place before still is.
    """
    version = str(placer.p["version"])
    release.parse_version(version)
    others = existing.existing_k3s(placer.root)
    if others:
        raise release.ReleaseError(existing.refusal(others))
    previous = placer.installed_version()
    step = release.version_step_error(previous, version)
    if step and not placer.p["allow_any_version_step"]:
        raise release.ReleaseError(step)

    files = placer.files()
    before = {file.path: placer.digests.digest(file.path) for file in files}
    absent = [file for file in files if not placer.in_place(file)]
    links = placer.missing_links()
    if not check_mode:
        for file in absent:
            placer.place(file)
        for link in links:
            os.symlink("k3s", link)
        now = {file.path: placer.digests.digest(file.path) or "" for file in files}
        placer.digests.save()
        placer.save(now)
        changed_files = [path for path, digest in now.items() if before[path] != digest]
    else:
        now = {}
        changed_files = [file.path for file in absent]

    placed = changed_files + links
    return {
        "changed": bool(placed),
        "binary": placer.binary,
        "sha256": (now or before).get(placer.binary) or "",
        "previous_version": previous or "",
        "placed": placed,
        "restart_needed": placer.binary in changed_files,
        "diff": {
            "before": "".join(f"{path} {before.get(path) or 'absent'}\n" for path in placed),
            "after": "".join(f"{path} {now.get(path) or ('link to k3s' if path in links else version)}\n" for path in placed),
        },
    }
