#!/usr/bin/env python3
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ends of the measurement: a server that answers one line per connection, and a client that opens one after the other.

As little as possible besides the kernel's own work, or the interpreter would hide what the rules cost.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

REQUEST = b"GET / HTTP/1.0\r\n\r\n"
ANSWER = b"HTTP/1.0 200 OK\r\n\r\n"


def serve(port: int) -> None:
    """Answer every connection and close it, until the process is ended."""
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    server.setblocking(False)
    poll = select.epoll()
    poll.register(server.fileno(), select.EPOLLIN)
    waiting: dict[int, socket.socket] = {}
    print("listening", flush=True)
    while True:
        for number, _event in poll.poll():
            if number == server.fileno():
                while True:
                    try:
                        client, _address = server.accept()
                    except BlockingIOError:
                        break
                    waiting[client.fileno()] = client
                    poll.register(client.fileno(), select.EPOLLIN)
            else:
                client = waiting.pop(number)
                poll.unregister(number)
                client.recv(256)
                client.send(ANSWER)
                client.close()


def family_of(address: str) -> int:
    """Return the address family that a socket to this address has."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(family: int, address: str, port: int) -> bool:
    """Open one connection, send, receive, close; return whether the answer came."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            # A reset at the end frees the client's port at once, so that the ports last.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.connect((address, port))
            client.sendall(REQUEST)
            return client.recv(256) == ANSWER
    except OSError:
        return False


def load(address: str, seconds: float, ports: list[int]) -> None:
    """Open connections one after the other, to each port in turn; print per port how many a second, how long each took, how many failed.

    In turn, connection by connection, because what else the machine does then hits every port alike. The order is reversed every time,
    because what one connection leaves to be done falls to the one after it.
    """
    family = family_of(address)
    times: dict[int, list[float]] = {port: [] for port in ports}
    failed = dict.fromkeys(ports, 0)
    clock = time.perf_counter
    end = clock() + seconds
    while clock() < end:
        ports.reverse()
        for port in ports:
            begin = clock()
            failed[port] += not connect(family, address, port)
            times[port].append(clock() - begin)
    report = {}
    for port, taken in times.items():
        taken.sort()
        report[port] = {
            "rate": len(taken) / sum(taken), "p50": taken[len(taken) // 2], "p99": taken[int(len(taken) * 0.99)],
            "failed": failed[port], "connections": len(taken),
        }  # fmt: skip
    print(json.dumps(report))


def hold(address: str, port: int, count: int) -> None:
    """Open connections, keep them until a line is read, then use them; print how many were lost."""
    clients = [socket.socket(family_of(address), socket.SOCK_STREAM) for _number in range(count)]
    for client in clients:
        client.settimeout(5)
        client.connect((address, port))
    print("open", flush=True)
    sys.stdin.readline()
    lost = 0
    for client in clients:
        try:
            client.sendall(REQUEST)
            lost += client.recv(256) != ANSWER
        except OSError:
            lost += 1
    print(json.dumps({"connections": count, "failed": lost}))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    elif sys.argv[1] == "hold":
        hold(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        load(sys.argv[2], float(sys.argv[3]), [int(port) for port in sys.argv[4:]])
