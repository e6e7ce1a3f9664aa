# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of all errors that a module reports to its user."""

from __future__ import annotations


class EdgeError(Exception):
    """Something that a module cannot do; its text is one sentence for the user."""


class LibraryMissingError(EdgeError):
    """A Python library that a module needs is missing.

    Attributes:
        details: the traceback of the failed import.
    """

    def __init__(self, text: str, details: str) -> None:
        super().__init__(text)
        self.details = details
