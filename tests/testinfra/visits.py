# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a host that is not the one under test, by its address and with the name of a site."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl


class NamedConnection(http.client.HTTPSConnection):
    """A connection to an address that asks for another name."""

    def __init__(self, address, name):
        context = ssl.create_default_context()
        # Which lab answers is the question here; whether its certificate is right is asked elsewhere.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(address, timeout=10, context=context)
        self.name = name

    def connect(self):
        """Connect to the address, with the other name in the handshake."""
        plain = socket.create_connection((self.host, self.port), timeout=self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.name)


def status_of(address, site, path="/"):
    """Return the status and body that an address answers for the site."""
    with contextlib.closing(NamedConnection(address, site["hosts"][0])) as opened:
        opened.request("GET", path, headers={"Host": site["hosts"][0]})
        answer = opened.getresponse()
        return answer.status, answer.read().decode()
