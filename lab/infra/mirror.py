#!/usr/bin/env python3
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve a folder over HTTP on every address: the lab's release mirror. Usage: mirror.py FOLDER PORT."""

from __future__ import annotations

import functools
import http.server
import socket
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files with their length and date, over connections that stay open."""

    protocol_version = "HTTP/1.1"
    # Clients unpack by name; a content type of "gzip-encoded tar" makes some unpack on the way.
    extensions_map = {"": "application/octet-stream", ".txt": "text/plain", ".yaml": "text/yaml"}


class Server(http.server.ThreadingHTTPServer):
    """IPv4 and IPv6 on one socket."""

    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        """Accept IPv4 as well, whatever the system's default is."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    folder, port = sys.argv[1], int(sys.argv[2])
    Server(("::", port), functools.partial(Handler, directory=folder)).serve_forever()
