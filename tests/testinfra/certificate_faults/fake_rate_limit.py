#!/usr/bin/env python3
# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FAKE: passes everything on to a Pebble, but answers each new order with a rate limit in the words of Let's Encrypt.

Pebble has no rate limits. Usage: fake_rate_limit.py PORT PORT_OF_PEBBLE
"""

from __future__ import annotations

import datetime as dt
import http.client
import http.server
import json
import ssl
import sys

NEW_ORDER = "/order-plz"
PAUSE = dt.timedelta(hours=26)


def refusal():
    """Problem document and seconds to wait; the form is that of Boulder's limiter."""
    until = dt.datetime.now(dt.timezone.utc) + PAUSE
    detail = (
        "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, "
        f"retry after {until:%Y-%m-%d %H:%M:%S} UTC: see "
        "https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers"
    )
    return {"type": "urn:ietf:params:acme:error:rateLimited", "detail": detail, "status": 429}, PAUSE.total_seconds()


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes requests on with their Host, of which Pebble makes its URLs."""

    protocol_version = "HTTP/1.1"

    def pass_on(self):
        """One request and its answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command == "POST" and self.path == NEW_ORDER:
            self.refuse()
            return
        context = ssl.create_default_context()
        # Its certificate is not for the loopback address, and no other program can listen there.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        behind = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[2]), context=context, timeout=20)
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(key, value)
        self.finish_with(content)

    do_GET = do_HEAD = do_POST = pass_on  # noqa: N815

    def refuse(self):
        """The rate limit."""
        problem, pause = refusal()
        self.send_response(429)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Retry-After", str(round(pause)))
        self.finish_with(json.dumps(problem).encode())

    def finish_with(self, content):
        """End the answer with its body."""
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Proxy)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain("/etc/pebble/cert.pem", "/etc/pebble/key.pem")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
