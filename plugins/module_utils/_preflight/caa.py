# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAA records, by which the owner of a domain says which authorities may issue for it (RFC 8659)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._preflight.dns import CAA, Answer, Ask, DnsError, records_of

_REASONS = {
    "FORMERR": "it does not understand the question",
    "SERVFAIL": "it failed",
    "NOTIMP": "it does not know CAA records",
    "REFUSED": "it refused",
}


def records(answer: Answer) -> list[dict[str, Any]]:
    """Return the CAA records of an answer; none where the name has none, or is not there.

    Raises:
        DnsError: the server did not answer the question.
    """
    if answer.problem:
        raise DnsError(_REASONS.get(answer.problem, f"it answered with {answer.problem}"))
    try:
        return [
            {
                "critical": bool(data[0] & 0x80),
                "tag": data[2 : 2 + data[1]].decode("ascii").lower(),
                "value": data[2 + data[1] :].decode("utf-8", "replace"),
            }
            for data in (record.data for record in answer.of(CAA))
        ]
    except (IndexError, UnicodeDecodeError) as error:
        raise DnsError("its answer cannot be read") from error


def climb(name: str, ask: Ask) -> dict[str, Any]:
    """Return the CAA records that hold for a name: its own, or those of the nearest parent that has any.

    Returns:
        C(name), C(at) where the records are, C(records), and C(error) where that could not be found out.
    """
    labels: Sequence[str] = name.removeprefix("*.").rstrip(".").split(".")
    result: dict[str, Any] = {"name": name, "at": "", "records": [], "error": ""}
    for depth in range(len(labels)):
        domain = ".".join(labels[depth:])
        try:
            found = records(records_of(ask, domain, CAA))
        except DnsError as error:
            return {**result, "at": domain, "error": str(error)}
        if found:
            return {**result, "at": domain, "records": found}
    return result
