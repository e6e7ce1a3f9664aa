# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A two-way connection, whatever it goes over, how it fails, and what a handshake over it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError

SERVED, REFUSED, RESET, FORWARD_FAILED = "served", "refused", "reset", "forward_failed"


class Channel(Protocol):
    """Bytes both ways; recv returns nothing at the end."""

    def send(self, data: bytes) -> None:
        """Write all of it."""

    def recv(self) -> bytes:
        """The next bytes, b"" at the end."""


class RefusedError(EdgeError):
    """Nothing listens on the port."""


class ForwardError(EdgeError):
    """The way to the port is broken; nothing is known of the port itself."""


@dataclass(frozen=True)
class Probe:
    """What a handshake showed: state served with the certificate in DER form, or another state with the reason."""

    state: str
    certificate: bytes = b""
    detail: str = ""
