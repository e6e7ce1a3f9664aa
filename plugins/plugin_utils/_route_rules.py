# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the routes of a VirtualService, be it a site's or a raw manifest: expressions and routes that never match."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Match = Mapping[str, Any]

# Envoy's regular expressions are RE2. What RE2 does not have, and how Python words what neither of them takes.
_NOT_RE2 = re.compile(r"\(\?(?:[=!>(#|]|<[=!]|P[=>])|\\[1-9]|[*+?]\+|\{\d+(?:,\d*)?\}\+|\{(?:\d{5,}|[2-9]\d{3}|1(?!000)\d{3})[,}]")
# Letters behind a backslash that have no meaning.
_ESCAPE = re.compile(r"\\([^\W\d_])")
_ESCAPES = "aftnrvxCQEAbBzdDsSwWpP"
_LITERAL = re.compile(r"\\Q.*?(?:\\E|$)|\\[^1-9]|\[\^?\]?(?:\\.|[^\]\\])*\]")
_NOT_REGEX = ("unterminated", "unbalanced", "missing", "nothing to repeat", "multiple repeat", "bad character range", "min repeat")
# What does not narrow a match.
_NO_CONDITION = ("uri", "name", "ignoreUriCase")
# Conditions that compare a text, and those that compare several by name.
_TEXTS, _EACH = ("method", "scheme", "authority"), ("headers", "queryParams")


def regex_problems(value: str) -> Iterator[str]:
    """Yield why Envoy would not take a regular expression; what only RE2 knows passes."""
    foreign = _NOT_RE2.search(_LITERAL.sub("x", value))
    quoted = re.sub(r"\\Q.*?(?:\\E|$)|\\\\", "x", value)
    unknown = foreign or next((found for found in _ESCAPE.finditer(quoted) if found.group(1) not in _ESCAPES), None)
    if unknown:
        yield f"regex is '{value}'; Envoy's regular expressions (RE2) do not have '{unknown.group()}'"
        return
    try:
        with warnings.catch_warnings():
            # Classes such as [[:alpha:]] are RE2's.
            warnings.simplefilter("ignore")
            re.compile(value)
    except re.error as exc:
        if exc.msg.startswith(_NOT_REGEX):
            yield f"regex is '{value}'; it must be a regular expression (RE2): {exc}"


def path_problems(kind: str, value: str) -> Iterator[str]:
    """Yield why a path that is compared as C(prefix) or C(exact) is that of no request."""
    if not value.startswith("/"):
        yield f"{kind} is '{value}'; a path begins with /"
    elif re.search(r"[?#]", value):
        yield f"{kind} is '{value}'; a path ends before '?' and '#', so that no request has this one"


def path_surprises(paths: Sequence[tuple[str, str]], rewrite: str | None) -> Iterator[str]:
    """Yield where paths are other ones than people mean: C(*) stands for itself, and a rewrite replaces the text of a prefix.

    Args:
        paths: How the matches of a route compare the path, and with what, in their order.
        rewrite: What the prefix is replaced by.
    """
    for index, (kind, value) in enumerate(paths):
        if kind != "regex" and "*" in value:
            yield f" has {kind} '{value}', in which '*' stands for itself; write {{prefix: {value.partition('*')[0]}}}"
            continue
        # One for the same path with a slash takes what is beneath it.
        if kind != "prefix" or not rewrite or value.endswith("/") == rewrite.endswith("/") or ("prefix", f"{value}/") in paths[:index]:
            continue
        closed, ended = (path if path.endswith("/") else f"{path}/" for path in (value, rewrite))
        became = f"{closed}x becomes {rewrite}{closed[len(value) :]}x"
        also = "" if value.endswith("/") else f" and {value}keys is taken too"
        exact = f" and {{exact: {value.rstrip('/')}, rewrite: {rewrite}}}" if value != "/" else ""
        yield f" replaces '{value}' by '{rewrite}', so {became}{also}; write {{prefix: {closed}, rewrite: {ended}}}{exact}"


def raw_path_warnings(services: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each path of a raw VirtualService that is another one than people mean."""
    return [
        f"gateway_virtual_services ({service['metadata']['name']}): http[{index}]{surprise}"
        for service in services
        for index, route in enumerate((service.get("spec") or {}).get("http") or ())
        for surprise in path_surprises(
            [path for match in route.get("match") or () for path in (match.get("uri") or {}).items()],
            (route.get("rewrite") or {}).get("uri"),
        )
    ]


def _path(match: Match) -> tuple[str, str] | None:
    """Return how a match compares the path, and with what; None where it takes every path."""
    for kind, value in (match.get("uri") or {}).items():
        if (kind, value) != ("prefix", "/") and not (kind == "regex" and value.strip("^$") == ".*"):
            return kind, str(value)
    return None


def _takes_path(earlier: tuple[str, str] | None, later: tuple[str, str] | None) -> bool:
    if earlier is None or earlier == later:
        return True
    if later is None or later[0] not in ("prefix", "exact"):
        return False
    kind, value = earlier
    if kind == "prefix":
        return later[1].startswith(value)
    # With .* at its end it also takes all that a prefix has behind it, unless an alternative did not have it.
    open_end = value.endswith(".*") and "|" not in value and not value.endswith("\\.*")
    if kind == "regex" and (later[0] == "exact" or open_end):
        try:
            return re.fullmatch(value, later[1]) is not None
        except re.error:
            return False
    return False


def _takes_text(earlier: Match, later: Match | None) -> bool:
    """Return whether a condition on a header, a parameter or the method holds wherever a later one does."""
    return later is not None and _takes_path(next(iter(earlier.items()), None), next(iter(later.items()), None))


def _takes(earlier: Match, later: Match) -> bool:
    """Return whether a match takes every request that a later one is for."""
    for key, value in earlier.items():
        other = later.get(key)
        if key in _EACH:
            taken = all(_takes_text(text or {}, (other or {}).get(name)) for name, text in (value or {}).items())
        elif key in _TEXTS:
            taken = _takes_text(value or {}, other)
        else:
            taken = key in _NO_CONDITION or other == value
        if not taken:
            return False
    path = _path(earlier)
    return _takes_path(path, _path(later)) and (path is None or bool(earlier.get("ignoreUriCase")) >= bool(later.get("ignoreUriCase")))


def _shown(match: Match, kinds: bool) -> str:
    paths = [f"{kind} {value}" if kinds else str(value) for kind, value in (match.get("uri") or {}).items()]
    return "".join(paths) or ("no path" if match else "no match")


def unreachable(routes: Sequence[Sequence[Match]], word: str) -> Iterator[str]:
    """Yield a sentence for each route that never sees a request, because earlier ones take all of its.

    Args:
        routes: The matches of each route, of which one must fit a request.
        word: How users name the list of routes.
    """
    for later, matches in enumerate(routes):
        taken = [
            next(((index, other) for index, others in enumerate(routes[:later]) for other in others if _takes(other, match)), None)
            for match in matches
        ]
        first = taken[0] if taken and all(taken) else None
        if first:
            yield (
                f"{word}[{later}] ({_shown(matches[0], False)}) is never reached, "
                f"{word}[{first[0]}] ({_shown(first[1], True)}) takes its requests; put the {_narrower(first[1], matches[0])} first"
            )


def _narrower(earlier: Match, later: Match) -> str:
    same = _path(earlier) == _path(later) and set(later) - set(_NO_CONDITION)
    return "one with more conditions" if same else "longer path"


def _expressions(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield each regular expression of a part of a route, and where it is."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if key == "regex" and isinstance(entry, str):
                yield path, entry
            # Names of labels are those of users.
            elif key != "sourceLabels":
                yield from _expressions(entry, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from _expressions(entry, f"{path}[{index}]")


def expression_problems(route: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Yield what is wrong with the regular expressions of a route; its fields may have other names than Istio's."""
    rewrite = (route.get("rewrite") or {}).get("uriRegexRewrite") or {}
    for where, expression in _expressions({**route, "rewrite": {"regex": rewrite.get("match")}}, place):
        # There '*' is no expression but stands for any value.
        present = expression == "*" and "without" in where
        yield from (f"{where.lstrip('.')}: {problem}" for problem in (() if present else regex_problems(expression)))


def virtual_service_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with the HTTP routes of a VirtualService that fits its schema."""
    routes = [route if isinstance(route, Mapping) else {} for route in spec.get("http") or ()]
    for index, route in enumerate(routes):
        yield from expression_problems({key: route.get(key) for key in ("match", "corsPolicy", "rewrite")}, f"http[{index}]")
        for number, match in enumerate(route.get("match") or ()):
            for kind, value in ((match or {}).get("uri") or {}).items():
                problems = path_problems(kind, value) if kind in ("prefix", "exact") and value else ()
                yield from (f"http[{index}].match[{number}].uri: {problem}" for problem in problems)
    # What a delegate does not match goes on to the next route.
    yield from unreachable([[] if "delegate" in route else route.get("match") or [{}] for route in routes], "http")
