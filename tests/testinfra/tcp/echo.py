# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends back what it gets, until the other side has sent all.

echo.py PORT [CERTIFICATE KEY]
"""

import socketserver
import ssl
import sys

PORT, *PAIR = sys.argv[1:]
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
if PAIR:
    CONTEXT.load_cert_chain(*PAIR)
    # What a database of PostgreSQL 17 chooses in a handshake that begins with TLS.
    CONTEXT.set_alpn_protocols(["postgresql"])


class Echo(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self):
        """Send back each piece."""
        connection = CONTEXT.wrap_socket(self.request, server_side=True) if PAIR else self.request
        while piece := connection.recv(65536):
            connection.sendall(piece)


class Server(socketserver.ThreadingTCPServer):
    """Takes connections at the same time."""

    allow_reuse_address = True
    daemon_threads = True


Server(("", int(PORT)), Echo).serve_forever()
