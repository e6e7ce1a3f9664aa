# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-test calls in place of the bootstrap script that it would fetch from a host of its own.

It is run inside a new virtual environment with the arguments of ``pip install``. Python carries a pip, so no host but the package
registry is needed.
"""

from __future__ import annotations

import subprocess
import sys

#: Options of the original script that pip itself does not know.
OWN_OPTIONS = {"--no-setuptools", "--no-wheel"}


def main() -> int:
    """Install the carried pip, then let it install what was asked for."""
    environment_python = sys.executable
    subprocess.run([environment_python, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
    arguments = [argument for argument in sys.argv[1:] if argument not in OWN_OPTIONS]
    return subprocess.run([environment_python, "-m", "pip", "install", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
