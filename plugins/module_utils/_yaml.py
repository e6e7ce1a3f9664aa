# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML that others wrote."""

from __future__ import annotations

try:
    from yaml import YAMLError
except ImportError:
    YAMLError = ValueError  # type: ignore[assignment, misc]

#: What PyYAML raises for text that it cannot read. Its own errors are for the syntax only: values that do not fit their tags, such as days
#: that no month has, numbers without a digit and switches with another word, end in whatever Python says of them.
UNREADABLE = (YAMLError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)
