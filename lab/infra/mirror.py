#!/usr/bin/env python3
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve a folder over HTTP on every address to those who know the password: the lab's release mirror.

Usage: mirror.py FOLDER PORT, with USER:PASSWORD in the environment as MIRROR_KEY.
"""

from __future__ import annotations

import base64
import functools
import http.server
import io
import os
import socket
import sys
from http import HTTPStatus
from typing import BinaryIO


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files with their length and date, over connections that stay open."""

    protocol_version = "HTTP/1.1"
    # Clients unpack by name; a content type of "gzip-encoded tar" makes some unpack on the way.
    extensions_map = {"": "application/octet-stream", ".txt": "text/plain", ".yaml": "text/yaml"}
    #: The header Authorization of those who may read.
    key = ""

    def send_head(self) -> BinaryIO | io.BytesIO | None:
        """Find the file, or ask for the password."""
        if self.headers.get("Authorization") == self.key:
            return super().send_head()
        self.send_response(HTTPStatus.UNAUTHORIZED)
        self.send_header("WWW-Authenticate", 'Basic realm="mirror"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None


class Server(http.server.ThreadingHTTPServer):
    """IPv4 and IPv6 on one socket."""

    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        """Accept IPv4 as well, whatever the system's default is."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    folder, port = sys.argv[1], int(sys.argv[2])
    Handler.key = "Basic " + base64.b64encode(os.environ["MIRROR_KEY"].encode()).decode()
    Server(("::", port), functools.partial(Handler, directory=folder)).serve_forever()
