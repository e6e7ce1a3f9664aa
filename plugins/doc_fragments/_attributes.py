# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes of modules."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and says what it would do without doing it.
  diff_mode:
    description: Shows what has changed, or would change, in diff mode.
  platform:
    description: Where the module can run.
    support: full
    platforms: posix
"""

    # Goes before the attributes that it changes.
    LINUX = r"""
options: {}
attributes:
  check_mode:
    support: full
  platform:
    platforms: linux
"""

    READ = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: The module changes nothing.
  diff_mode:
    support: N/A
    details: The module changes nothing.
"""
