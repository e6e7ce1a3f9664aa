#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k3s_release
short_description: Put one release of K3s in place, by checksum
version_added: 0.1.0
author:
  - The baremesh.edge authors (@baremesh)
description:
  - Places K3s's binary for this host's architecture, its links C(kubectl), C(crictl) and C(ctr), and, if wished, its image archive
    and further ones.
  - Every file of the release is compared with the release's own checksum file before it is put in place by rename, so that a run that
    was killed leaves the old file or the new one.
  - Asks the network only if a file is missing, differs from what was placed, or another version or address is wanted.
  - Refuses a downgrade and a step over a minor version, which Kubernetes does not support.
attributes:
  check_mode:
    support: full
    description: Tells what would be placed. The checksum file is not fetched.
  diff_mode:
    support: full
  platform:
    support: full
    platforms: linux
options:
  version:
    description: Release to place, for example V(v1.34.4+k3s1).
    type: str
    required: true
  url:
    description:
      - Where releases lie. The files are taken from C(<url>/<version>/), where the V(+) of the version is escaped.
      - With O(local_dir) it is not used.
    type: str
    default: https://github.com/k3s-io/k3s/releases/download
  local_dir:
    description: Folder on this host that holds the files of the release, for hosts without a network.
    type: path
  bin_dir:
    description: Folder for the binary and the links.
    type: path
    default: /usr/local/bin
  data_dir:
    description: K3s's data folder; image archives go to C(agent/images) in it.
    type: path
    default: /var/lib/rancher/k3s
  airgap_images:
    description: Whether to place the release's image archive too, so that no image registry is needed for K3s's own pods.
    type: bool
    default: false
  archives:
    description: Further image archives to place.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: Where to fetch the archive.
        type: str
        required: true
      checksum:
        description: SHA-256 of the archive, as V(sha256:<64 hex digits>).
        type: str
        required: true
      name:
        description: File name on the host. The last part of the O(archives[].url) unless set.
        type: str
  allow_any_version_step:
    description: Whether to accept a downgrade or a step over a minor version.
    type: bool
    default: false
  ca_path:
    description: File with certificates to trust when fetching, beside those of the host's Python.
    type: path
  timeout:
    description: Seconds that a connection may stand still.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Place a pinned release
  baremesh.edge.k3s_release:
    version: v1.34.4+k3s1

- name: Place a release and its images from a mirror
  baremesh.edge.k3s_release:
    version: v1.34.4+k3s1
    url: https://mirror.example.com/k3s
    airgap_images: true
"""

RETURN = r"""
binary:
  description: Path of the binary.
  type: str
  returned: success
  sample: /usr/local/bin/k3s
sha256:
  description: SHA-256 of the binary in place; empty in check mode if it would be replaced.
  type: str
  returned: success
previous_version:
  description: Version placed before, by this module.
  type: str
  returned: success
  sample: v1.33.8+k3s1
placed:
  description: Files that were placed, or would be.
  type: list
  elements: str
  returned: success
  sample: [/usr/local/bin/k3s]
restart_needed:
  description: Whether the binary was, or would be, replaced.
  type: bool
  returned: success
"""

import hashlib
import json
import os
import platform
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.baremesh.edge.plugins.module_utils._k3s import release
from ansible_collections.baremesh.edge.plugins.module_utils._k3s.files import (
    STATE_DIR,
    DigestCache,
    make_directory,
    part_path,
    read_text,
    replace_bytes,
)

_RECORD = os.path.join(STATE_DIR, "release.json")
_LINKS = ("kubectl", "crictl", "ctr")


class Wanted(t.NamedTuple):
    """One file to place: where, from where, and its SHA-256 if that is known before the checksum file is read."""

    path: str
    source: str
    name: str
    mode: int
    sha256: str | None


class Placer:
    """Brings the files of a release in place."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.p = module.params
        self.arch = release.arch(platform.machine())
        self.digests = DigestCache()
        self.base = self.p["local_dir"] or release.asset_url(self.p["url"], self.p["version"], "").rstrip("/")
        self.binary = os.path.join(self.p["bin_dir"], "k3s")
        self.images = os.path.join(self.p["data_dir"], "agent", "images")
        self.record = self._read_record()
        self._sums: str | None = None

    @staticmethod
    def _read_record() -> dict[str, t.Any]:
        try:
            record = json.loads(read_text(_RECORD) or "{}")
        except ValueError:
            return {}
        return record if isinstance(record, dict) else {}

    def wanted(self) -> list[Wanted]:
        """Return all files that belong in place."""
        files = [Wanted(self.binary, self._source(self.arch.binary), self.arch.binary, 0o755, None)]
        if self.p["airgap_images"]:
            name = self.arch.images
            files.append(Wanted(os.path.join(self.images, name), self._source(name), name, 0o644, None))
        for archive in self.p["archives"]:
            name = os.path.basename(archive["name"] or archive["url"].split("?")[0].rstrip("/"))
            digest = archive["checksum"].removeprefix("sha256:").lower()
            if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
                raise release.ReleaseError(
                    f"The checksum of the image archive {archive['url']} is {archive['checksum']!r}: it must be sha256: and 64 hex digits."
                )
            files.append(Wanted(os.path.join(self.images, name), archive["url"], name, 0o644, digest))
        return files

    def _source(self, name: str) -> str:
        return f"{self.base}/{name}"

    def in_place(self, file: Wanted) -> bool:
        """Tell whether a file is what this release calls for, without asking the network."""
        known = file.sha256
        if known is None and self.record.get("version") == self.p["version"] and self.record.get("base") == self.base:
            known = (self.record.get("sha256") or {}).get(file.path)
        return known is not None and self.digests.digest(file.path) == known

    def place(self, file: Wanted) -> str:
        """Fetch a file and put it in place; return its SHA-256.

        :raises ReleaseError: it cannot be fetched or has another checksum.
        """
        digest = file.sha256 or self._listed(file.name)
        if self.digests.digest(file.path) == digest:
            return digest
        make_directory(os.path.dirname(file.path), 0o755)
        part = part_path(file.path)
        if os.path.lexists(part):
            os.unlink(part)
        try:
            found = self._fetch_to(file.source, part)
            if found != digest:
                raise release.ReleaseError(
                    f"{file.source} has the SHA-256 {found}, but {digest} is expected: "
                    "the file was changed or cut on its way; nothing was replaced."
                )
            os.chmod(part, file.mode)
            os.replace(part, file.path)
        finally:
            if os.path.lexists(part):
                os.unlink(part)
        return digest

    def _listed(self, name: str) -> str:
        if self._sums is None:
            source = self._source(self.arch.sums)
            with self._open(source) as stream:
                self._sums = stream.read().decode("utf-8", "replace")
        digest = release.checksum_of(self._sums, name)
        if digest is None:
            raise release.ReleaseError(
                f"{self._source(self.arch.sums)} lists no checksum for {name}: this release does not have that file."
            )
        return digest

    def _open(self, source: str) -> t.Any:
        try:
            if self.p["local_dir"]:
                return open(source, "rb")
            return open_url(
                source,
                timeout=self.p["timeout"],
                ca_path=self.p["ca_path"],
                http_agent="baremesh.edge",
                follow_redirects="safe",
                use_gssapi=False,
            )
        except (OSError, ValueError) as error:
            advice = (
                f"k3s_airgap_dir must hold the files of {self.p['version']}"
                if self.p["local_dir"]
                else f"check k3s_version ({self.p['version']}) and k3s_release_url ({self.p['url']})"
            )
            raise release.ReleaseError(f"{source} cannot be read: {error}; {advice}.") from error

    def _fetch_to(self, source: str, path: str) -> str:
        digest = hashlib.sha256()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target, self._open(source) as stream:
            try:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
                    target.write(block)
            except (OSError, ValueError) as error:
                raise release.ReleaseError(f"{source} broke off: {error}; run again.") from error
            target.flush()
            os.fsync(target.fileno())
        return digest.hexdigest()

    def missing_links(self) -> list[str]:
        """Return the links to make: like K3s's installer, only where no such command is found."""
        return [
            link
            for link in (os.path.join(self.p["bin_dir"], name) for name in _LINKS)
            if not os.path.lexists(link) and self.module.get_bin_path(os.path.basename(link)) is None
        ]

    def save(self, placed: t.Mapping[str, str]) -> None:
        """Note which release the files belong to."""
        record = {"version": self.p["version"], "base": self.base, "sha256": dict(placed)}
        if record != self.record:
            make_directory(STATE_DIR, 0o755)
            replace_bytes(_RECORD, json.dumps(record, sort_keys=True, indent=1).encode(), 0o644)


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Do what the module is for and return its result.

    :raises ReleaseError: the release cannot be placed.
    """
    release.parse_version(module.params["version"])
    placer = Placer(module)
    previous = placer.record.get("version")
    step = release.version_step_error(previous, module.params["version"])
    if step and not module.params["allow_any_version_step"]:
        raise release.ReleaseError(step)

    files = placer.wanted()
    before = {file.path: placer.digests.digest(file.path) for file in files}
    absent = [file for file in files if not placer.in_place(file)]
    links = placer.missing_links()
    if not module.check_mode:
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
            "after": "".join(
                f"{path} {now.get(path) or ('link to k3s' if path in links else module.params['version'])}\n" for path in placed
            ),
        },
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "url": {"type": "str", "default": "https://github.com/k3s-io/k3s/releases/download"},
            "local_dir": {"type": "path"},
            "bin_dir": {"type": "path", "default": "/usr/local/bin"},
            "data_dir": {"type": "path", "default": "/var/lib/rancher/k3s"},
            "airgap_images": {"type": "bool", "default": False},
            "archives": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "url": {"type": "str", "required": True},
                    "checksum": {"type": "str", "required": True},
                    "name": {"type": "str"},
                },
            },
            "allow_any_version_step": {"type": "bool", "default": False},
            "ca_path": {"type": "path"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except (release.ReleaseError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
