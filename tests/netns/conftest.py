# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host ports on real kernels: needs root, ip, nft and iptables; everything happens in network namespaces that are removed again."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator

import pytest
from topology import TARGET_PORT, Topology

_NUMBERS = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [tool for tool in ("ip", "nft", "iptables-restore", "sysctl") if not shutil.which(tool)]
    reason = "needs root" if os.geteuid() else f"needs {', '.join(missing)}" if missing else ""
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def topology() -> Iterator[Topology]:
    """A client, a node with a bridge, and two pods, the first of which serves."""
    made = Topology(f"n{next(_NUMBERS)}x")
    try:
        made.open()
        made.serve("pod", TARGET_PORT, "pod")
        yield made
    finally:
        made.close()
