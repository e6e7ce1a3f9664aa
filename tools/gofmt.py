# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that gofmt has nothing to change in our own Go sources."""

from __future__ import annotations

import shutil
import subprocess
import sys

import checkout


def main() -> int:
    """Return 0 if every Go file of the checkout is formatted."""
    files = [str(path) for path in checkout.tracked("*.go")]
    if not files:
        print("no Go sources found")
        return 1
    if shutil.which("gofmt") is None:
        print("gofmt is not in PATH; it comes with Go, of which the lab needs 1.26")
        return 1
    changed = subprocess.run(["gofmt", "-d", *files], cwd=checkout.ROOT, check=False, stdout=subprocess.PIPE, text=True)
    print(changed.stdout, end="")
    print(f"{len(files)} files")
    return 1 if changed.stdout else changed.returncode


if __name__ == "__main__":
    sys.exit(main())
