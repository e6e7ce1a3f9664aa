# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second run restarted nothing that the first one started."""

from __future__ import annotations

import os
import re
from pathlib import Path

LINE = re.compile(r"\s*(\d+) +(\w+ +\w+ +\d+ +[\d:]+ +\d+) +(.*)")
#: What stays while a host stays as it is.
LASTING = re.compile(r"^(k3s|kine|kube|containerd|pilot|envoy|cert-manager|coredns|backend)")


def lasting(text):
    """Process id and start time of everything that should have stayed, with its name."""
    found = (LINE.fullmatch(line) for line in text.splitlines())
    return {(match[1], match[2], match[3]) for match in found if match and LASTING.match(match[3])}


def test_every_process_of_the_first_run_still_runs(host):
    name = host.backend.get_hostname()
    before = lasting((Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / f"processes-{name}.txt").read_text(encoding="utf-8"))
    after = lasting(host.check_output("ps -eo pid=,lstart=,comm="))
    assert before, "the first run left no process to compare"
    assert before - after == set()
