# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server outside of the cluster: answers with its name, and with the host and path that it was asked for.

outside.py NAME PORT [CERTIFICATE KEY]
"""

import http.server
import ssl
import sys

NAME, PORT, *PAIR = sys.argv[1:]


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers every GET."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Say who answers, and what was asked."""
        body = f"{NAME}\nhost: {self.headers['Host']}\npath: {self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("", int(PORT)), Answer)
if PAIR:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*PAIR)
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
