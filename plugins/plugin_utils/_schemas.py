# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges manifests by the schemas of their CRDs, which C(tools/authority_data.py) takes from the charts."""

from __future__ import annotations

import base64
import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._durations import seconds

Schema = Mapping[str, Any]

_FILE = Path(__file__).with_name("_crd_schemas.json")
_TYPES: dict[str, tuple[Any, str]] = {
    "object": (Mapping, "a dictionary"),
    "array": ((list, tuple), "a list"),
    "string": (str, "text"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "number": ((int, float), "a number"),
}
_SHORTEST, _LONGEST = ("minItems", "minLength", "minProperties"), ("maxItems", "maxLength", "maxProperties")
_SHOWN = 60


def _lasts(value: str) -> bool:
    """Return whether a value is one of Go's durations, of a millisecond or more."""
    return (seconds(value.removeprefix("+")) or 0) >= 0.001


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(re.sub(r"[\r\n]", "", value), validate=True)
    except ValueError:
        return False
    return True


# The formats and rules in CEL that the schemas hold, as their authors wrote them: what holds where they do, and what is said where not.
RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "byte": (_is_base64, "is {}; it must be base64"),
    "duration(self) >= duration('1ms')": (_lasts, "is {}; it must be a duration of at least 1ms, such as 30s, 5m or 2160h"),
    '!self.contains("*")': (lambda value: "*" not in value, "is {}; a label is compared as it is, without '*'"),
    'self.all(key, !key.contains("*"))': (
        lambda value: not any("*" in str(key) for key in value),
        "has a key with '*'; a label is compared as it is",
    ),
    "self.all(key, key.size() != 0)": (lambda value: "" not in value, "has an empty key; each must be the name of a label"),
}


@cache
def _shipped() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def schema_of(path: str) -> Schema:
    """Return the schema of a kind's spec, C(Gateway), or of a part of it, C(VirtualService.http.retries)."""
    kind, *fields = path.split(".")
    schema: Schema = _shipped()["specs"]["ClusterIssuer" if kind == "Issuer" else kind]
    for field in fields:
        schema = schema.get("items", schema)["properties"][field]
    return schema


def is_of(component: str, version: str) -> bool:
    """Return whether the schemas are those of a version of C(istio) or C(cert_manager), patch releases included."""
    shipped = str(_shipped()["versions"][component])
    return not version or version.lstrip("v").split(".")[:2] == shipped.lstrip("v").split(".")[:2]


def _shown(value: Any) -> str:
    """Return a value for a sentence. Of what holds others only the kind is said: it may be long, and secret."""
    if isinstance(value, (Mapping, list, tuple)):
        return ("a dictionary" if isinstance(value, Mapping) else "a list") if value else repr(value)
    text = repr(value) if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_type(value: Any, name: str) -> bool:
    if name in ("integer", "number") and isinstance(value, bool):
        return False
    return isinstance(value, _TYPES[name][0]) or (name == "integer" and isinstance(value, float) and value.is_integer())


def judge(schema: Schema, value: Any, path: str = "", strict: bool = True) -> Iterator[str]:
    """Yield a sentence for each thing in a value that the API server would refuse or drop.

    Args:
        schema: What O(value) must fit.
        value: Data as a user wrote it. A null counts as left out.
        path: Where the value is, for the sentences.
        strict: Whether the schema is that of the version in use. Of another version only the types of known fields are judged.
    """
    if value is None or schema.get("x-kubernetes-int-or-string"):
        return
    expected = schema.get("type")
    if expected and not _is_type(value, expected):
        yield f"{path} is {_shown(value)}; it must be {_TYPES[expected][1]}"
        return
    if strict:
        yield from _scalar(schema, value, path)
        yield from _ruled(schema, value, path)
    if isinstance(value, Mapping):
        yield from _fields(schema, value, path, strict)
        if strict:
            yield from _dictionary(schema, value, path)
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            if entry is None:
                yield f"{path}[{index}] is empty; remove it, or give it a value"
            yield from judge(schema.get("items", {}), entry, f"{path}[{index}]", strict)


def _scalar(schema: Schema, value: Any, path: str) -> Iterator[str]:
    """Yield what is wrong with a value itself."""
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path} is {_shown(value)}; allowed: {', '.join(map(str, schema['enum']))}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        least, most = schema.get("minimum"), schema.get("maximum")
        if (least is not None and value < least) or (most is not None and value > most):
            limits = [f"at least {least}" if least is not None else "", f"at most {most}" if most is not None else ""]
            yield f"{path} is {value}; it must be {' and '.join(filter(None, limits))}"
        return
    # In Go, whose patterns these are, $ is the end, and in Python a line break may follow it.
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
        yield f"{path} is {_shown(value)}; it must match {schema['pattern']}"
    if not isinstance(value, bool):
        unit = "characters" if isinstance(value, str) else "entries"
        for key in _SHORTEST:
            if key in schema and len(value) < schema[key]:
                yield f"{path} has {len(value)} {unit}; at least {schema[key]} must be given"
        for key in _LONGEST:
            if key in schema and len(value) > schema[key]:
                yield f"{path} has {len(value)} {unit}; at most {schema[key]} are allowed"


def _ruled(schema: Schema, value: Any, path: str) -> Iterator[str]:
    """Yield which rules a value does not keep; those without a judge here are left to the API server."""
    for name in (*schema.get("cel", ()), schema.get("format")):
        holds, sentence = RULES.get(name) or (None, "")
        if holds and not holds(value):
            yield f"{path} {sentence.format(_shown(value))}"


def _fields(schema: Schema, value: Mapping[str, Any], path: str, strict: bool) -> Iterator[str]:
    """Yield what is wrong with what the keys of a dictionary hold."""
    properties, others = schema.get("properties"), schema.get("additionalProperties")
    for key, entry in value.items():
        if properties and key in properties:
            yield from judge(properties[key], entry, _at(path, key), strict)
        elif isinstance(others, Mapping):
            yield from judge(others, entry, _at(path, key), strict)
        elif strict and properties is not None and not schema.get("x-kubernetes-preserve-unknown-fields"):
            near = difflib.get_close_matches(str(key), properties, 1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            yield f"{_at(path, key)} is not known; {hint}Allowed: {', '.join(sorted(properties))}"


def _dictionary(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield which keys a dictionary lacks, and which it must not have together."""
    given = [key for key, entry in value.items() if entry is not None]
    yield from (f"{_at(path, key)} is missing" for key in schema.get("required", ()) if key not in given)
    for names in _choices(schema):
        chosen = [name for name in names if name in given]
        if len(chosen) > 1:
            yield f"{path} has {' and '.join(chosen)}; only one of {', '.join(names)} is allowed"
    for names in schema.get("needed", ()):
        if not set(names) & set(given):
            yield f"{path} has none of {', '.join(names)}; one of them must be given"


def _choices(schema: Schema) -> Iterator[Sequence[str]]:
    """Yield the groups of keys of which at most one may be given."""
    yield from schema.get("exclusive", ())
    for group in (schema, *schema.get("allOf", ())):
        required = [entry["required"] for entry in group.get("oneOf", ()) if "required" in entry]
        if required and all(len(names) == 1 for names in required):
            yield [names[0] for names in required]


def _at(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
