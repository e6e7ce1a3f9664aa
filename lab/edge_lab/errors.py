# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that users of the lab see."""

from __future__ import annotations


class LabError(Exception):
    """Something a user can act on; its text is the whole message."""
