# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads YAML that a server sent."""

from __future__ import annotations

from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._net.fetch import FetchError
from ansible_collections.baremesh.edge.plugins.module_utils._yaml import UNREADABLE

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

# The loader in C crashes on what is nested some ten thousand levels deep.
_DEEPEST = 100


def read_documents(text: str, source: str, loader: str = "SafeLoader") -> list[Any]:
    """Return the documents in a text.

    Args:
        text: The text.
        source: Where it came from, for messages.
        loader: The loader of PyYAML; of C(BaseLoader) all values are text. In C it takes a second for a mebibyte, and in Python ten.

    Raises:
        FetchError: It cannot be read, or PyYAML is missing on this host.
    """
    if yaml is None:
        raise FetchError(f"{source} cannot be read: the Python library PyYAML is missing on this host.")
    chosen, depth = getattr(yaml, f"C{loader}", getattr(yaml, loader)), 0
    try:
        for event in yaml.parse(text, chosen):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise FetchError(f"{source} cannot be read: it is nested deeper than {_DEEPEST} levels.")
        return list(yaml.load_all(text, chosen))
    except UNREADABLE as error:
        raise FetchError(f"{source} cannot be read: {error}.") from error
