# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a certificate is renewed: how long it lives, what is left of that then, and in which windows."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._numbers import whole_number
from ansible_collections.baremesh.edge.plugins.plugin_utils import _site_spec as spec
from ansible_collections.baremesh.edge.plugins.plugin_utils._durations import seconds
from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Fields

# Limits of cert-manager's webhook: https://cert-manager.io/docs/usage/certificate/
_DEFAULT_DURATION = "2160h"
_SHORTEST_DURATION, _SHORTEST_RENEWAL = "1h", "5m"
# Of each part of a cron expression: what it is of, the least and the highest number, and the names of the numbers.
_CRON: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_CRON_WORDS = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every ([0-9]+(\.[0-9]+)?(h|m|s))+)")


def renewal_of(before: str | None) -> dict[str, Any]:
    """Return when a certificate is renewed, which a site says as a duration or as a share of the lifetime."""
    return {"renew_share": int(before[:-1])} if before and before.endswith("%") else {"renew_before": before}


def lifetime_problems(duration: str | None, renew_before: str | None, renew_share: int | None, word: Callable[[str], str]) -> Iterator[str]:
    """Yield what cert-manager refuses of how long a certificate lives and when it is renewed.

    Args:
        duration: How long it shall live, None for cert-manager's default.
        renew_before: How long before its end it is renewed.
        renew_share: Percentage of its lifetime that is left when it is renewed, instead of that.
        word: Returns the name of a field where users write it.
    """
    given = {"duration": duration or _DEFAULT_DURATION, "renew_before": renew_before or ""}
    length, before = (seconds(text) for text in given.values())
    # cert-manager's webhook compares what has gone by then, its renewal what is left.
    share = min(renew_share, 100 - renew_share) if renew_share else None
    if share and length is not None and length * share / 100 < (seconds(_SHORTEST_RENEWAL) or 0):
        yield (
            f"{word('renew_before')} is '{renew_share}%'; of the {word('duration')} of {given['duration']} both that and "
            f"the rest must be {_SHORTEST_RENEWAL} or more"
        )
    for name, text in given.items():
        if text and seconds(text) is None:
            yield f"{word(name)} is '{text}'; it must be a duration in h, m and s, such as 2160h for 90 days"
    for name, value, least in (("duration", length, _SHORTEST_DURATION), ("renew_before", before, _SHORTEST_RENEWAL)):
        if value is not None and value < (seconds(least) or 0):
            yield f"{word(name)} is '{given[name]}'; cert-manager takes {least} or more"
    if length is not None and before is not None and before >= length:
        what = f"the {word('duration')} of {given['duration']}{'' if duration else ', the default'}"
        yield f"{word('renew_before')} is '{renew_before}'; it must be less than {what}"


def read_windows(certificate: Fields) -> list[dict[str, Any]]:
    """Return the windows in which cert-manager may renew, as a Certificate has them."""
    places = (f"renew_windows[{number}]" for number in range(len(certificate.sequence("renew_windows"))))
    return [_renew_window(at) for place in places if (at := certificate.nested(place)) is not None]


def _renew_window(at: Fields) -> dict[str, Any]:
    at.only(spec.RENEW_WINDOW)
    cron, zone = at.text("cron", required=True), at.text("time_zone")
    if cron and (problem := cron_problem(cron)):
        at.report(f"cron is '{cron}'; {problem}")
    if zone and not is_time_zone(zone):
        at.report(f"time_zone is '{zone}'; it must be a name of the time zone database, such as Europe/Berlin")
    duration = at.duration("duration")
    if not at.raw.get("duration"):
        at.report("duration is missing; it says how long the window is open, such as 4h")
    return {"cron": cron, "windowDuration": duration, "timezone": zone or spec.RENEW_WINDOW["time_zone"]["default"]}


def cron_problem(text: str) -> str:
    """Return what cert-manager refuses of the beginning of a renewal window, empty for nothing (cert-manager 1.21, internal/cron)."""
    if _CRON_WORDS.fullmatch(text):
        return ""
    parts = text.split()
    if len(parts) != len(_CRON):
        return "it must have five parts, for minute, hour, day, month and day of the week, such as 0 2 * * SUN"
    for part, (what, least, most, names) in zip(parts, _CRON):
        if not all(_is_cron_range(entry, least, most, names) for entry in filter(None, part.split(","))):
            words = f", or {names[0].upper()} to {names[-1].upper()}" if names else ""
            return (
                f"its part for the {what} is '{part}'; it must be * or numbers from {least} to {most}{words}, with - , and / between them"
            )
    return ""


def _is_cron_range(text: str, least: int, most: int, names: Sequence[str]) -> bool:
    span, slash, step = text.partition("/")
    if slash and not whole_number(step):
        return False
    if span in ("*", "?"):
        return True
    given = [names.index(end.lower()) + least if end.lower() in names else whole_number(end) for end in span.split("-")]
    ends = [end for end in given if end is not None and least <= end <= most]
    return len(ends) == len(given) < 3 and ends == sorted(ends)


@cache
def _time_zones() -> frozenset[str]:
    """Return the names of the time zone database, for which Python opens every file of it."""
    return frozenset(zoneinfo.available_timezones())


def is_time_zone(name: str) -> bool:
    """Return whether the time zone database has a name; true of any where the controller has no database."""
    return name in _time_zones() or not _time_zones()
