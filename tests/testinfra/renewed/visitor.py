# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A visitor who opens one TLS connection after the other, as a browser would, and notes what each showed."""

from __future__ import annotations

import socket
import ssl
import threading

#: New connections in a second unless a test says otherwise, and in all.
RATE, LIMIT = 20, 200_000


class Visitor(threading.Thread):
    """Connects until it is stopped; C(serials) in the order in which they were seen, C(failures) as text.

    Without a rate one connection follows the other at once.
    """

    def __init__(self, address, name, root_certificate, rate=RATE):
        super().__init__(daemon=True)
        self.serials = []
        self.failures = []
        self._address = address
        self._name = name
        self._pause = 1 / rate if rate else 0
        self._context = ssl.create_default_context(cafile=root_certificate)
        self._halt = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_error):
        self._halt.set()
        self.join()

    def run(self):
        """Visit."""
        for _visit in range(LIMIT):
            try:
                self.serials.append(self._serial())
            except OSError as error:
                self.failures.append(f"connection {len(self.serials)}: {error!r}")
            if self._halt.wait(self._pause):
                return

    def _serial(self):
        with (
            socket.create_connection((self._address, 443), timeout=5) as plain,
            self._context.wrap_socket(plain, server_hostname=self._name) as secured,
        ):
            return int(secured.getpeercert()["serialNumber"], 16)
