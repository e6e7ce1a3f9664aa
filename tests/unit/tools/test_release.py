# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import release
from checkout import ROOT


def test_the_list_names_what_the_collection_downloads(monkeypatch):
    known = release.load("roles/common/vars/main/versions.yml")
    digest = "ab" * 32
    known["_edge_digests"]["helm"] = {known["_edge_versions"]["helm"]: {"amd64": digest}}
    load = release.load
    monkeypatch.setattr(release, "load", lambda name: known if name.endswith("versions.yml") else load(name))
    found = {component["name"]: component for component in json.loads(release.bill())["components"]}
    assert {name.replace("_", "-") for name in known["_edge_versions"]} <= set(found)
    assert found["k3s"]["version"] == known["_edge_versions"]["k3s"]
    assert found["helm"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert found["istio"]["externalReferences"][0]["url"].startswith("https://")
    assert {"core", "kubernetes", "cryptography"} & set(found)


@pytest.fixture(name="keyring")
def _keyring(tmp_path, monkeypatch):
    """Fingerprint of a key that signs without a passphrase, and a file with its public part."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    gpg = ["gpg", "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", "release@example.com", "ed25519", "sign"], check=True, capture_output=True)
    listed = subprocess.run([*gpg, "--list-keys", "--with-colons"], check=True, capture_output=True, text=True).stdout
    public = tmp_path / "public.gpg"
    subprocess.run([*gpg, "--export", "--output", public], check=True)
    yield next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr")), public
    subprocess.run(["gpgconf", "--kill", "all"], check=True, env={**os.environ, "GNUPGHOME": str(home)})


def test_a_release_is_signed_and_a_changed_file_is_noticed(keyring, tmp_path):
    fingerprint, public = keyring
    folder = tmp_path / "release"
    make = [sys.executable, ROOT / "tools/release.py", folder, "--key", fingerprint]
    made = subprocess.run(make, check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    version = release.load("galaxy.yml")["version"]
    assert {f"baremesh-edge-{version}.tar.gz", f"baremesh-edge-{version}.cdx.json"} <= {path.name for path in folder.iterdir()}

    verify = ["ansible-sign", "project", "gpg-verify", "--keyring", public, folder]
    assert subprocess.run(verify, check=False, capture_output=True).returncode == 0
    with (folder / f"baremesh-edge-{version}.tar.gz").open("ab") as artifact:
        artifact.write(b"more")
    assert subprocess.run(verify, check=False, capture_output=True).returncode != 0
    assert "is not empty" in subprocess.run(make, check=False, capture_output=True, text=True).stderr
