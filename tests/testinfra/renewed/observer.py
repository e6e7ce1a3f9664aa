# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a server: when a Secret had a new certificate, and when each gateway pod served it, by the clock of that server.

Arguments: seconds, namespace and name of the Secret, server name, and addresses of pods. Prints JSON: C(secret) and C(pods) by address,
each a list of time in seconds and digest of a certificate, one for each change.
"""

import base64
import contextlib
import hashlib
import json
import socket
import ssl
import subprocess
import sys
import threading
import time

PAUSE = 0.02


def digest(pem):
    """Return the digest of the first certificate."""
    first = pem.partition("-----END")[0] + "-----END CERTIFICATE-----\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


def note(changes, found):
    """Add what was found unless it is what was found before."""
    if not changes or changes[-1][1] != found:
        changes.append([time.time(), found])


def watch_secret(lines, changes):
    """Follow the Secret until its watch ends."""
    for line in lines:
        if line.strip():
            note(changes, digest(base64.b64decode(line).decode()))


def ask_pod(address, name, end, changes):
    """Connect to a pod until the end."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while time.time() < end:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((address, 443), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            note(changes, hashlib.sha256(secured.getpeercert(True)).hexdigest())
        time.sleep(PAUSE)


def main():
    """Observe."""
    seconds, namespace, secret, name, *addresses = sys.argv[1:]
    end = time.time() + float(seconds)
    path = 'jsonpath={.data.tls\\.crt}{"\\n"}'
    command = ["k3s", "kubectl", "get", "secret", secret, "--namespace", namespace, "--watch", "--output", path]
    found = {"secret": [], "pods": {address: [] for address in addresses}}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        threads = [threading.Thread(target=watch_secret, args=(process.stdout, found["secret"]))]
        threads += [threading.Thread(target=ask_pod, args=(each, name, end, found["pods"][each])) for each in addresses]
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join()
        process.terminate()
        threads[0].join()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
