# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host that carries the lab's services: ACME authority, DNS, release mirror."""

from __future__ import annotations

import ssl
import urllib.request
from pathlib import Path
from string import Template

from . import dns, hosts, image, machine, paths, podman, zones
from .errors import LabError
from .run import require, run
from .state import Lab, write

SOURCE = paths.SOURCE / "infra"
BUNDLES, MOUNT = paths.cache() / "bundle", Path("/srv/bundles")
UNITS = ("edge-lab-mirror.service", "edge-lab-names.service", "edge-lab-zones.service", "edge-lab-dns.service", "edge-lab-acme.service")
ACME_PORT, ACME_MANAGEMENT_PORT, MIRROR_PORT, NAMES_PORT = 14000, 15000, 80, 8055
PEBBLE_ENVIRONMENT = "/etc/pebble/environment"


def acme_url(lab: Lab) -> str:
    """Directory URL of the ACME authority."""
    return f"https://{lab.address('infra')}:{ACME_PORT}/dir"


def mirror_url(lab: Lab) -> str:
    """Base URL of the release mirror."""
    return f"http://{lab.address('infra')}"


def ca_file(lab: Lab) -> Path:
    """Certificate of the CA that signs the authority's own TLS certificate. Not the root of what it issues."""
    return lab.folder / "acme" / "ca.pem"


def make_certificates(lab: Lab) -> None:
    """Make a CA and the authority's TLS certificate, once per lab."""
    folder = lab.folder / "acme"
    ca, ca_key, cert, key = (folder / name for name in ("ca.pem", "ca.key", "cert.pem", "key.pem"))
    if cert.exists():
        return
    require("openssl")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ec = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "3650"]
    run([
        *ec, "-keyout", str(ca_key), "-out", str(ca), "-subj", f"/CN=edge lab {lab.name} ACME transport CA",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    ])  # fmt: skip
    v4, v6 = lab.subnets.addresses("infra")
    partial = cert.with_suffix(".partial")
    run([
        *ec, "-CA", str(ca), "-CAkey", str(ca_key), "-keyout", str(key), "-out", str(partial),
        "-subj", "/CN=acme.lab.test", "-addext", f"subjectAltName=DNS:acme.lab.test,DNS:infra,IP:{v4},IP:{v6}",
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
    ])  # fmt: skip
    partial.replace(cert)


def dnsmasq_conf(lab: Lab, upstreams: list[str]) -> str:
    """Configuration of the lab's resolver."""
    v4, v6 = lab.subnets.addresses("infra")
    default = lab.address("server1")
    ours = [f"address=/{zone}/{default}\nserver=/{zone}/{dns.NAMES_SERVER}" for zone in dns.ZONES]
    ours.append(f"server=/{zones.PARENT}/{zones.address(lab, 'resolver')}")
    return Template((SOURCE / "dnsmasq.conf.tmpl").read_text()).substitute(
        listen=f"127.0.0.1,::1,{v4},{v6}",
        zones="\n".join(ours),
        upstreams="\n".join(f"server={address}" for address in upstreams),
    )


def serve(lab: Lab, mirror: Path) -> None:
    """Remember which mirror the lab serves; it takes effect with `link_mirror`."""
    write(lab.folder / "mirror", f"{mirror}\n")


def served(lab: Lab) -> Path | None:
    """The mirror that the lab serves, if it has been given one that is still there."""
    record = lab.folder / "mirror"
    path = Path(record.read_text().strip()) if record.exists() else None
    return path if path and path.is_dir() else None


def link_mirror(lab: Lab) -> None:
    """Let the running server serve the mirror of this lab; requests under way end with the old one."""
    mirror = served(lab)
    if mirror is None:
        return
    inside = MOUNT / mirror.relative_to(BUNDLES)
    podman.podman("exec", lab.container("infra"), "ln", "--symbolic", "--force", "--no-dereference", str(inside), "/srv/mirror")


def spec(lab: Lab) -> hosts.Spec:
    """What the infra container is. It sees all bundles, so that another one needs no new container and no new ACME root."""
    BUNDLES.mkdir(parents=True, exist_ok=True)
    folder = lab.folder / "acme"
    files = {f"/etc/systemd/system/{unit}": (SOURCE / unit).read_bytes() for unit in UNITS}
    files |= {
        **zones.files(lab),
        "/usr/local/lib/edge-lab/mirror.py": (SOURCE / "mirror.py").read_bytes(),
        "/etc/edge-lab/dnsmasq.conf": dnsmasq_conf(lab, machine.resolvers()).encode(),
        dns.SERVERS_FILE: b"",
        dns.HOSTS_FILE: b"",
        "/etc/pebble/config.json": (SOURCE / "pebble.json").read_bytes(),
        PEBBLE_ENVIRONMENT: (SOURCE / "pebble.environment").read_bytes(),
        "/etc/pebble/cert.pem": (folder / "cert.pem").read_bytes(),
        "/etc/pebble/key.pem": (folder / "key.pem").read_bytes(),
        "/etc/hosts": hosts.etc_hosts("infra"),
    }
    return hosts.Spec(
        lab=lab.name,
        host="infra",
        container=lab.container("infra"),
        image=image.infra_recipe().reference,
        network=lab.network,
        addresses=lab.subnets.addresses("infra"),
        dns=("127.0.0.1",),
        mounts={str(BUNDLES): str(MOUNT)},
        files=files,
        keyed_files=True,
    )


def links() -> dict[str, str]:
    """The units that start with the host."""
    return {f"/etc/systemd/system/multi-user.target.wants/{unit}": f"/etc/systemd/system/{unit}" for unit in UNITS}


def root_certificate(lab: Lab) -> str:
    """The root that the ACME authority issues under, PEM. Pebble makes a new one at each start.

    Raises LabError when the authority does not answer.
    """
    url = f"https://{lab.address('infra')}:{ACME_MANAGEMENT_PORT}/roots/0"
    context = ssl.create_default_context(cafile=str(ca_file(lab)))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError as failed:
        raise LabError(
            f"the ACME authority of lab {lab.name} does not answer ({failed}); `lab/lab up --name {lab.name}` starts it again"
        ) from failed


def set_acme_environment(lab: Lab, settings: dict[str, str]) -> str:
    """Start Pebble with other PEBBLE_* variables, on top of the lab's own; returns all that are in force.

    The authority forgets its accounts and gets a new root: it keeps everything in memory.
    """
    lines = [line for line in (SOURCE / "pebble.environment").read_text().splitlines() if not line.startswith("#")]
    values = dict(line.split("=", 1) for line in lines if line) | settings
    text = "".join(f"{key}={value}\n" for key, value in sorted(values.items()))
    name = lab.container("infra")
    podman.podman("cp", "-", f"{name}:/", stdin=hosts.archive({PEBBLE_ENVIRONMENT: text.encode()}))
    podman.podman("exec", name, "systemctl", "restart", "edge-lab-acme.service")
    hosts.wait_port(lab.address("infra"), ACME_PORT, "the ACME authority")
    return text
