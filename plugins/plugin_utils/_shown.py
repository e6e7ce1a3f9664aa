# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way out of every filter: what it says to people is masked and printable; what tasks go on with stays as it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.baremesh.edge.plugins.module_utils._masking import Mask, printable
from ansible_collections.baremesh.edge.plugins.module_utils._numbers import endless

# Keys of results that tasks show, and filters that return nothing else.
SENTENCES = frozenset(
    (
        *("findings", "join_findings", "warnings", "errors", "unseen", "lines", "problems", "failure", "notes", "left", "summary"),
        *("nothing", "facts"),
    )
)
ONLY_SENTENCES = frozenset(("artefact_findings", "gateway_restarts", "plain_findings", "renewal_lines"))


def shown(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a filter and return its result, or raise its error, with its sentences free of secrets and control characters."""
    try:
        found = function(*arguments, **options)
    except AnsibleFilterError as error:
        raise AnsibleFilterError(printable(str(error))) from None
    except ValueError:
        given = inspect.signature(function).bind(*arguments, **options).arguments
        # Settings have the names of their variables.
        named = [value if isinstance(value, Mapping) else {name: value} for name, value in given.items()]
        if not (sentence := next(filter(None, map(endless, named)), "")):
            raise
        raise AnsibleFilterError(printable(sentence)) from None
    if function.__name__ in ONLY_SENTENCES:
        return Mask().all(found)
    if isinstance(found, dict) and not SENTENCES.isdisjoint(found):
        return {key: Mask().all(value) if key in SENTENCES else value for key, value in found.items()}
    return found
