# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the lab: official names and tags, with the lab's builds in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import golang, upstream, versions
from .images import Image, Layer, full_name, write_archive
from .parts import Part, Store, digest

_CA_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_NOBODY = "65534:65534"
# What Envoy links, and what iptables loads while it runs.
_PROXY_FILES = (
    "usr/lib64/ld-linux-x86-64.so.2",
    "usr/lib/x86_64-linux-gnu/*.so*",
    "usr/lib/x86_64-linux-gnu/xtables/*.so",
    "usr/sbin/*tables*",
    "etc/protocols",
    "etc/services",
)
_NFT = "xtables-nft-multi"
_IPTABLES = tuple(f"{family}{verb}" for family in ("iptables", "ip6tables") for verb in ("", "-save", "-restore"))


@dataclass(frozen=True)
class Sources:
    """Parts that images are made from."""

    coredns: Part
    pilot_discovery: Part
    pilot_agent: Part
    cert_manager: Part
    small: Part
    envoy: Part
    debian: Part


class Catalog:
    """Knows what is in which image, and makes the archives."""

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources

    def parts(self) -> list[Part]:
        """One part for each archive."""
        s = self._sources
        return [
            self._part("images k3s", (s.coredns, s.small), "k3s-airgap-images-amd64", self.k3s, "k3s-images.txt"),
            self._part("images istio", (s.pilot_discovery, s.pilot_agent, s.envoy, s.debian), f"istio-{versions.ISTIO}-amd64", self.istio),
            self._part("images cert-manager", (s.cert_manager, s.debian), f"cert-manager-{versions.CERT_MANAGER}-amd64", self.cert_manager),
            self._part("images backend", (s.small,), f"backend-{versions.BACKEND}-amd64", self.backend),
        ]

    def _part(self, title: str, used: tuple[Part, ...], name: str, images: Callable[[], list[Image]], listing: str = "") -> Part:
        here = Path(__file__)
        code = (here.read_bytes(), here.with_name("images.py").read_bytes())

        def make(out: Path) -> None:
            made = images()
            write_archive(made, out / f"{name}.tar.zst")
            if listing:
                (out / listing).write_text("".join(f"{full_name(image.reference)}\n" for image in made))

        return Part(title, digest(name, *(part.slug for part in used), *code), make)

    def _layer(self, files: Mapping[str, tuple[Part, str]], user: tuple[str, int] | None = None) -> Layer:
        """A minimal root with these executables in it: path to part and file name."""
        layer = Layer()
        layer.folder("tmp", 0o1777)
        accounts = [("root", 0), ("nobody", 65534), *([user] if user else [])]
        layer.text("etc/passwd", "".join(f"{name}:x:{number}:{number}::/:/sbin/nologin\n" for name, number in accounts))
        layer.text("etc/group", "".join(f"{name}:x:{number}:\n" for name, number in accounts))
        for path, (part, name) in files.items():
            layer.file(path, self._store.path(part) / name, 0o755)
        return layer

    def _trust_the_world(self, layer: Layer) -> None:
        certificates = sorted((self._store.path(self._sources.debian) / "usr/share/ca-certificates").rglob("*.crt"))
        layer.text(_CA_BUNDLE, "".join(path.read_text() for path in certificates))

    def k3s(self) -> list[Image]:
        """What a node runs by itself."""
        s = self._sources
        coredns = self._layer({"coredns": (s.coredns, "coredns")})
        pause = self._layer({"pause": (s.small, "pause")})
        return [
            Image(f"rancher/mirrored-coredns-coredns:{versions.COREDNS}", coredns, ["/coredns"]),
            Image(f"rancher/mirrored-pause:{versions.PAUSE}", pause, ["/pause"], user="65535:65535"),
        ]

    def istio(self) -> list[Image]:
        """Istiod, and the proxy of gateways and sidecars."""
        s = self._sources
        pilot = self._layer({"usr/local/bin/pilot-discovery": (s.pilot_discovery, "pilot-discovery")}, ("istio-proxy", 1337))
        self._trust_the_world(pilot)
        proxy = self._layer(
            {"usr/local/bin/pilot-agent": (s.pilot_agent, "pilot-agent"), "usr/local/bin/envoy": (s.envoy, "envoy")},
            ("istio-proxy", 1337),
        )
        self._trust_the_world(proxy)
        proxy.tree(self._store.path(s.debian), _PROXY_FILES)
        for name in upstream.MERGED:
            proxy.folder(f"usr/{name}")
            proxy.link(name, f"usr/{name}")
        for name in _IPTABLES:
            proxy.link(f"usr/sbin/{name}", _NFT)
        bootstrap = golang.module_source("stack", "istio.io/istio") / "tools/packaging/common/envoy_bootstrap.json"
        proxy.file("var/lib/istio/envoy/envoy_bootstrap_tmpl.json", bootstrap, 0o644)
        # Where the sidecar's volumes are mounted.
        proxy.folder("etc/istio/proxy")
        proxy.folder("var/lib/istio/data")
        tag = versions.ISTIO
        return [
            Image(f"{versions.ISTIO_HUB}/pilot:{tag}", pilot, ["/usr/local/bin/pilot-discovery"], user="1337:1337"),
            Image(
                f"{versions.ISTIO_HUB}/proxyv2:{tag}",
                proxy,
                ["/usr/local/bin/pilot-agent"],
                user="1337:1337",
                env={"ISTIO_META_ISTIO_PROXY_SHA": f"envoy:{versions.ENVOY}"},
            ),
        ]

    def cert_manager(self) -> list[Image]:
        """Five names for one program."""
        program = "/app/cert-manager"
        layer = self._layer({program: (self._sources.cert_manager, "cert-manager")})
        self._trust_the_world(layer)
        # The base of the real images has them too, and windows of renewals name them.
        layer.tree(self._store.path(self._sources.debian), ("usr/share/zoneinfo/[A-Z]*", "usr/share/zoneinfo/[A-Z]*/**/*"))
        return [
            Image(f"quay.io/jetstack/cert-manager-{name}:{versions.CERT_MANAGER}", layer, [program, name], user="1000:1000")
            for name in ("controller", "webhook", "cainjector", "acmesolver", "startupapicheck")
        ]

    def backend(self) -> list[Image]:
        """The web server of examples and tests."""
        layer = self._layer({"backend": (self._sources.small, "backend")})
        return [Image(f"docker.io/baremesh/backend:{versions.BACKEND}", layer, ["/backend"], user=_NOBODY)]
