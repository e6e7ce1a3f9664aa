# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which line of a program's output to quote, and how."""

from __future__ import annotations

import re

# Warnings before the reason, advice behind it, and what ssh adds when a session ends.
_ASIDE = re.compile(
    r"^\W*(warn|warning|hint|note|tip|info)\b|: warning: |^sudo: unable to resolve host |^\(.*\)$|^(shared )?connection to \S+ closed\.?$",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"error|fatal|fail|not found|no such|cannot|can't|could not|unable|denied|refused|invalid|unknown|missing|required|not permitted"
    "|timed out",
    re.IGNORECASE,
)
# As the client library of Vault writes it, which External Secrets and cert-manager use.
_VAULT_ANSWER = re.compile(
    r"Error making API request\.\s+(?:Namespace: \S*\s+)?URL: (\S+ \S+)\s+Code: (\d+)\. (?:Errors|Raw Message):\s*(.*)", re.DOTALL
)


def vault_answer(text: str) -> str:
    """The text with an answer of an OpenBao or Vault in it as C(what it says (status from method and URL)), and in one line."""
    answer = _VAULT_ANSWER.search(text)
    if answer:
        said = re.sub(r"\d+ errors? occurred:|(?:^|(?<=\s))\*\s", " ", answer[3])
        text = f"{text[: answer.start()]}{said} ({answer[2]} from {answer[1]})"
    return " ".join(text.split())


def reason_line(text: str, otherwise: str = "no message") -> str:
    """The line that states why a program failed.

    Behind a traceback of Python it is the exception. Elsewhere it is the first line that states a reason: what follows is advice.
    """
    given = [line.rstrip() for line in text.splitlines() if line.strip()]
    traces = [index for index, line in enumerate(given) if line.startswith("Traceback")]
    if traces:
        exception = next((line for line in given[traces[-1] + 1 :] if not line.startswith(" ")), "")
        if exception:
            return exception
    lines = [line.strip() for line in given]
    candidates = [line for line in lines if not _ASIDE.search(line)] or lines
    return next(filter(_REASON.search, candidates), candidates[0] if candidates else otherwise)
