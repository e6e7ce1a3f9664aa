# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Istio and Envoy refuse of the rule that becomes of a site's route."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Raw = Mapping[str, Any]

# What a rule of a VirtualService does with a request. It does one of these.
_ANSWERS = ("route", "redirect", "directResponse")
# Parts of such a rule of which it has one at most, and of which it has one at least.
_ALTERNATIVES: dict[str, tuple[str, ...]] = {"redirect": ("uri", "prefixRewrite"), "rewrite": ("uri", "uriRegexRewrite")}
_NEEDED: dict[str, tuple[str, ...]] = {
    "redirect": ("uri", "prefixRewrite", "authority", "scheme", "port", "derivePort"),
    "rewrite": ("uri", "uriRegexRewrite", "authority"),
}
# Values that are allowed. With any other code Istio drops a redirect.
_VALUES: dict[str, range | tuple[Any, ...]] = {
    "redirect.redirectCode": (301, 302, 303, 307, 308),
    "redirect.scheme": ("http", "https"),
    "directResponse.status": range(200, 600),
    "fault.abort.httpStatus": range(200, 600),
    "fault.abort.percentage.value": range(101),
    "fault.delay.percentage.value": range(101),
    "mirrorPercentage.value": range(101),
    "retries.attempts": range(2**31),
}


def http_route(route: Raw) -> Iterator[str]:
    """Yield what Istio refuses of a rule that fits its schema."""
    yield from _answers(route)
    for part, keys in _ALTERNATIVES.items():
        chosen = [key for key in keys if (route.get(part) or {}).get(key)]
        if len(chosen) > 1:
            yield f"{part} has {' and '.join(chosen)}; only one of them is allowed"
    for part, keys in _NEEDED.items():
        if route.get(part) is not None and not set(route[part]) & set(keys):
            yield f"{part} changes nothing; give it one of {', '.join(keys)}"
    retries = route.get("retries") or {}
    if retries.get("attempts") == 0 and len(retries) > 1:
        yield "retries.attempts is 0, so that nothing is tried again; remove the rest of retries"
    yield from _numbers(route)
    yield from _empty_conditions(route.get("match") or ())


def _answers(route: Raw) -> Iterator[str]:
    """Yield who cannot answer a request beside others."""
    given = [key for key in _ANSWERS if route.get(key)]
    if len(given) > 1:
        yield f"has {' and '.join(given)}; only one of {', '.join(_ANSWERS)} is allowed"
    for answer in ("redirect", "directResponse"):
        beside = [key for key in ("fault", "rewrite") if answer in given and route.get(key)]
        yield from (f"has {answer} and {key}; only one of them is allowed" for key in beside)
    shares = route.get("route") or ()
    if len(shares) > 1 and not any(entry.get("weight") for entry in shares):
        yield f"route has {len(shares)} entries, none of which has a weight above 0"


def _numbers(route: Raw) -> Iterator[str]:
    """Yield which parts of a rule have a value that is not among the allowed ones."""
    for path, allowed in _VALUES.items():
        value: Any = route
        for key in path.split("."):
            value = (value or {}).get(key)
        if value is None or value in allowed:
            continue
        if isinstance(allowed, tuple):
            yield f"{path} is {value}; allowed: {', '.join(map(str, allowed))}"
        elif not allowed.start <= value <= allowed[-1]:
            yield f"{path} is {value}; it must be from {allowed.start} to {allowed[-1]}"


def _empty_conditions(matches: Sequence[Raw]) -> Iterator[str]:
    """Yield the conditions on a text that compare it with nothing."""
    for match in matches:
        texts = [(key, match.get(key)) for key in ("method", "scheme", "authority")]
        texts += [
            (f"{key}.{name}", text) for key in ("headers", "withoutHeaders", "queryParams") for name, text in (match.get(key) or {}).items()
        ]
        for place, text in texts:
            yield from (f"match.{place} has an empty {kind}" for kind in ("prefix", "regex") if (text or {}).get(kind) == "")
