#!/usr/bin/env python3
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP peers that run inside a network namespace: a server that answers whom it sees, clients that print what they got.

Started by ``topology.Topology``; every answer is one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import socketserver
import sys
import time
from typing import Any


class _Echo(socketserver.StreamRequestHandler):
    """Send the client's address first, then everything that comes in."""

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        name = self.server.peer_name  # type: ignore[attr-defined]
        self.wfile.write((json.dumps({"server": name, "client": self.client_address[0]}) + "\n").encode())
        while chunk := self.connection.recv(65536):
            self.connection.sendall(chunk)


class _Server(socketserver.ThreadingTCPServer):
    peer_name = "peer"
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def serve(port: int, name: str) -> None:
    """Serve on every address of both families until the process is ended."""
    with _Server(("::", port), _Echo) as server:
        server.peer_name = name
        print(json.dumps({"listening": port}), flush=True)
        server.serve_forever()


def _open(address: str, port: int, timeout: float, source_port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM)
    client.settimeout(timeout)
    if source_port:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("", source_port))
    client.connect((address, port))
    return client


def connect(address: str, port: int, timeout: float, size: int, source_port: int) -> None:
    """Open one connection, read the greeting, send ``size`` bytes and read them back."""
    begin = time.monotonic()
    try:
        with _open(address, port, timeout, source_port) as client:
            stream = client.makefile("rb")
            answer = json.loads(stream.readline() or b'{"result": "closed"}')
            left = size
            while left:
                block = b"x" * min(left, 32768)
                client.sendall(block)
                if stream.read(len(block)) != block:
                    raise OSError("the echo differs")
                left -= len(block)
            answer.setdefault("result", "ok")
    except ConnectionRefusedError:
        answer = {"result": "refused"}
    except TimeoutError:
        answer = {"result": "timeout"}
    except OSError as error:
        answer = {"result": str(error)}
    answer["elapsed"] = round(time.monotonic() - begin, 3)
    print(json.dumps(answer), flush=True)


def _ping(client: socket.socket, stream: Any) -> str:
    try:
        client.sendall(b"p" * 64)
        return "" if len(stream.read(64)) == 64 else "closed by the other side"
    except OSError as error:
        return str(error)


def hold(address: str, port: int, timeout: float, source_port: int, pause: bool) -> None:
    """Open one connection and ping over it without a pause until stdin has something, and print how many pings came back.

    With ``pause`` it rests until then, and pings once.
    """
    with _open(address, port, timeout, source_port) as client:
        stream = client.makefile("rb")
        print(stream.readline().decode(), end="", flush=True)
        pings = 0
        failure = ""
        while not failure and (pause or not select.select([sys.stdin], [], [], 0)[0]):
            if pause:
                sys.stdin.readline()
            failure = _ping(client, stream)
            pings += not failure
            if pause:
                break
    print(json.dumps({"pings": pings, "failure": failure}), flush=True)


def main() -> None:
    """Run the command named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve", "connect", "hold"])
    parser.add_argument("--address", default="::")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="peer")
    parser.add_argument("--timeout", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--source-port", type=int, default=0)
    parser.add_argument("--pause", action="store_true")
    options = parser.parse_args()
    if options.command == "serve":
        serve(options.port, options.name)
    elif options.command == "connect":
        connect(options.address, options.port, options.timeout, options.size, options.source_port)
    else:
        hold(options.address, options.port, options.timeout, options.source_port, options.pause)


if __name__ == "__main__":
    main()
