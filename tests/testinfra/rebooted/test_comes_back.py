# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a reboot the site is served again, without anybody's help."""

from __future__ import annotations

import time

DEADLINE = 240


def test_the_site_is_served_again(ask):
    ends = time.monotonic() + DEADLINE
    seen = "nothing was asked"
    while time.monotonic() < ends:
        try:
            answer = ask("/")
        except OSError as error:  # refused, reset, a handshake cut short: what a host does while it starts
            seen = f"{type(error).__name__}: {error}"
        else:
            if answer.status == 200:
                return
            seen = f"status {answer.status}"
        time.sleep(1)
    raise AssertionError(f"not served {DEADLINE} s after the host answered SSH; the last answer was {seen}")
