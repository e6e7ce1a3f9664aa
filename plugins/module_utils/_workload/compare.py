# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an object in the cluster already is as a definition says, and how to show the difference.

The comparison may err on one side only. It calls an object equal only where the API server would change nothing: every field of the
definition has its value, and our field manager owns no field that the definition lacks (such a field was given once, and an apply removes
it). Everything else, such as a quantity written in another unit or a list that others add to, is left to the API server, whose answer is
then compared with the object.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from typing import Any

# The modules report its absence.
with contextlib.suppress(ImportError):
    import yaml

Json = dict[str, Any]

# What the API server writes by itself.
_SERVER_FIELDS = frozenset(("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"))
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def normalized(definition: Mapping[str, Any]) -> Json:
    """The definition as it is stored: without status, and with the text of a Secret as data."""
    found = {key: value for key, value in definition.items() if key not in ("status", "stringData")}
    text = definition.get("stringData")
    if found.get("kind") == "Secret" and isinstance(text, Mapping):
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in text.items()}
        found["data"] = {**(found.get("data") or {}), **encoded}
    elif text is not None:
        found["stringData"] = text
    return found


def is_current(definition: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> bool:
    """Whether applying the definition certainly changes nothing."""
    owned = [
        entry.get("fieldsV1") or {}
        for entry in (live.get("metadata") or {}).get("managedFields") or []
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")
    ]
    if not owned or any(_owns_more(fields, definition) for fields in owned):
        return False
    return all(_contains(live.get(key), value) for key, value in definition.items() if key not in ("apiVersion", "kind"))


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two objects have the same content. As JSON, in which true is not 1."""
    return json.dumps(_content(one), sort_keys=True) == json.dumps(_content(other), sort_keys=True)


def _content(found: Mapping[str, Any]) -> Json:
    """What users write in an object: neither status nor what the API server adds for itself."""
    kept = {key: value for key, value in found.items() if key != "status"}
    kept["metadata"] = {key: value for key, value in (found.get("metadata") or {}).items() if key not in _SERVER_FIELDS}
    return kept


class Display:
    """Shows objects as YAML; in place of a value of a Secret a marker, which is equal where the value is.

    The markers are made with a key of this process, so that they give no way to check a guess of a short value.
    """

    def __init__(self) -> None:
        self._key = os.urandom(16)

    def __call__(self, found: Mapping[str, Any] | None) -> str:
        """The content of an object as YAML, empty without an object."""
        return "" if found is None else str(yaml.safe_dump(self._masked(found), default_flow_style=False, allow_unicode=True))

    def _masked(self, found: Mapping[str, Any]) -> Json:
        shown = _content(found)
        if found.get("kind") != "Secret":
            return shown
        for section in ("data", "stringData"):
            if isinstance(shown.get(section), Mapping):
                shown[section] = {key: self._marker(value) for key, value in shown[section].items()}
        annotations = shown["metadata"].get("annotations")
        if isinstance(annotations, Mapping) and _LAST_APPLIED in annotations:
            shown["metadata"]["annotations"] = {**annotations, _LAST_APPLIED: self._marker(annotations[_LAST_APPLIED])}
        return shown

    def _marker(self, value: Any) -> str:
        return f"(hidden, {hmac.new(self._key, str(value).encode(), hashlib.sha256).hexdigest()[:8]})"


def _contains(live: Any, given: Any) -> bool:
    if isinstance(given, Mapping):
        return isinstance(live, Mapping) and all(key in live and _contains(live[key], value) for key, value in given.items())
    if isinstance(given, (list, tuple)):
        return isinstance(live, list) and len(live) == len(given) and all(map(_contains, live, given))
    # In Python, True equals 1.
    return bool(live == given) and isinstance(live, bool) == isinstance(given, bool)


def _owns_more(fields: Mapping[str, Any], given: Any) -> bool:
    """Whether fieldsV1 names a field that is not given.

    Its keys are ``f:<field>``, ``k:<keys of a list item as JSON>``, ``v:<value of a list as JSON>``, and ``.`` for the value itself.
    """
    for key, inner in fields.items():
        if key == ".":
            continue
        form, _colon, name = key.partition(":")
        if form == "f" and isinstance(given, Mapping) and name in given:
            if _owns_more(inner, given[name]):
                return True
        elif form == "k" and isinstance(given, (list, tuple)):
            keys = json.loads(name)
            items = [item for item in given if isinstance(item, Mapping) and all(item.get(k, v) == v for k, v in keys.items())]
            # The API server completes keys that an item leaves out, so that they need not be given.
            if not items or _owns_more({k: v for k, v in inner.items() if k.partition(":")[2] not in keys}, items[0]):
                return True
        elif not (form == "v" and isinstance(given, (list, tuple)) and json.loads(name) in given):
            return True
    return False
