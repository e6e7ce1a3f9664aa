# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be shown of text from outside: no secret, and no character that a terminal obeys or that hides another.

Journals, answers of servers, certificates and programs decide what that text is.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

HIDDEN = "********"

# Blanks that Python counts as unprintable; the rest of those are controls, invisible, turn the direction of text or are half a character.
_BLANKS = "\n\t\xa0\u202f\u3000"
# Each with what is in every text, in small letters, in which the expression can find something, and with what takes the place of that.
_SECRETS = tuple(
    (tuple(needles.split("|")), expression, replacement.replace("*", HIDDEN))
    for needles, expression, replacement in (
        ("private key-----", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", "*"),
        # PEM in Base64 once more, as in a Secret, but for certificates.
        ("ls0tls1crudjti", r"LS0tLS1CRUdJTi(?!BDRVJUSUZJQ0FUR)[\w+/=-]*", "*"),
        ("k10", r"\bK10\w*::[^\s\"'<>]+", "*"),
        ("eyj", r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", "*"),
        # A password may hold what a URL does not allow; it ends at the last "@" then. What looks like a port and a path is none.
        (
            "://",
            (
                r"(?P<scheme>\b[A-Za-z][\w+.-]{0,30}://)"
                r"(?:[^\s/?#\"'@:\[]*:(?!\d{1,5}(?:[/,;?#]|\b(?!@)))[^\s\"']{0,1000}@|[^\s/?#\"'@\[]{1,1000}@)"
            ),
            r"\g<scheme>*@",
        ),
        # A DSN of MySQL has no scheme, and parsers quote the part of a URL that they stumble over.
        ("@tcp|@unix", r"[^\s/@:\"']{1,100}:[^\s\"']{0,1000}@(?=(?:tcp6?|unix)\()", "*@"),
        ("invalid ", r"(?P<what>invalid (?:port|URL escape) \\*)\"[^\"]*\"?", r"\g<what>*"),
        ("nonnumeric port", r"(?P<what>nonnumeric port: )\S+", r"\g<what>*"),
        (
            "authorization",
            r"(?i)(?P<head>authorization[\"']?\s*[:=]\s*[\"'\[]*(?:basic|bearer|digest|negotiate|ntlm|token)\s+)[^\n\"'\]]+",
            r"\g<head>*",
        ),
        ("cookie|x-", r"(?i)(?P<head>\b(?:(?:set-)?cookie|x-[a-z-]{0,30}(?:token|key))[\"']?:\s*[\"'\[]*)[^\n\"'\]]+", r"\g<head>*"),
        ("bearer|basic", r"\b(?P<kind>(?i:bearer|basic)\s+)(?=\S*(?:[\d=]|[a-z][A-Z]))[\w.~+/=-]{8,}", r"\g<kind>*"),
        ("--", r"(?i)(?P<flag>--[\w-]{0,40}(?:password|token|secret|key)\s+)[^\s-]\S{5,}", r"\g<flag>*"),
        (
            "pass|pwd|token|key|client",
            (
                r"(?i)(?P<name>(?:password|passwd|passphrase|\bpwd|token|(?:secret|access|api|join)[_-]?key|client[_-]?secret))"
                r"(?P<sign>=|\\*[\"']\s*[:=]\s*(?=\\*[\"']))"
                r"(?:(?P<end>\\+[\"'])(?:(?!(?<!\\)(?P=end)).)*(?P=end)?|\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s&\"',;)}\]]+)"
            ),
            r"\g<name>\g<sign>*",
        ),
    )
)
# Keys of dictionaries below which text is a secret.
_SECRET_KEY = re.compile(r"(?:password|passwd|passphrase|(?:^|[_-])token|(?:secret|access|api)[_-]key)$", re.IGNORECASE)
# The password in a URL or DSN and that in a token of K3s, which programs repeat alone.
_INNER = (r"://[^\s:/@]*:(.+)@", r"^[^\s:/@]+:(?!//)(.+)@", r"^K10\w*::[^:]*:(.+)$")
# Shorter ones are parts of words that no one would take for a secret.
_SHORTEST = 4


def secret_variables(variables: Mapping[str, str]) -> list[str]:
    """Return the values of an environment that are secret: all but those of proxies, which are so where they hold a password."""
    return [value for name, value in variables.items() if "@" in value or not name.lower().endswith("_proxy")]


def secret_values(definitions: Iterable[Any]) -> list[str]:
    """Return the values of Secrets among definitions of objects that are no words of a message."""
    parts = (each.get(part) for each in definitions if each.get("kind") == "Secret" for part in ("data", "stringData"))
    return [value for part in parts if isinstance(part, dict) for value in map(str, part.values()) if len(value) >= 8]


def _forms(secret: str) -> set[str]:
    """Return a secret, its parts, its lines and the spellings of them in which programs repeat it."""
    parts = [secret, *(part for inner in _INNER for part in re.findall(inner, secret, re.DOTALL))]
    found = {text.strip() for part in parts for text in (part, *part.splitlines())}
    for text in tuple(found):
        data = text.encode("utf-8", "surrogateescape")
        quoted = "".join(chr(byte) if byte < 128 and (chr(byte).isalnum() or chr(byte) in "-._~") else f"%{byte:02X}" for byte in data)
        found |= {json.dumps(text)[1:-1], quoted, binascii.b2a_base64(data, newline=False).decode()}
    return {text for text in found if len(text) >= _SHORTEST}


class Mask:
    """Makes printable what a module returns.

    Args:
        secrets: Values that must not be shown in any of their spellings.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
        # A short one counts where it is a word of its own.
        words = [re.escape(form) if len(form) >= 8 else rf"(?<!\w){re.escape(form)}(?!\w)" for form in forms]
        self._known = re.compile("|".join(words)) if words else None

    def text(self, text: str) -> str:
        """Return text without secrets, with unprintable characters written out."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        lowered = text.lower()
        for needles, expression, replacement in _SECRETS:
            for needle in needles:
                if needle in lowered:
                    # Compiled only where it is needed: most results hold nothing of the kind.
                    text = re.sub(expression, replacement, text, flags=re.DOTALL)
                    break
        if text.isprintable():
            return text
        return "".join(
            each if each.isprintable() or each in _BLANKS else each.encode("unicode_escape").decode() for each in text.replace("\r\n", "\n")
        )

    def all(self, value: Any, but: Collection[str] = ()) -> Any:
        """Return a result with all its texts made printable, keys included; those at O(but) stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.all(key): each if key in but else self._below(str(key), each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.all(each) for each in value]
        return value

    def _below(self, key: str, value: Any) -> Any:
        secret = isinstance(value, str) and value and _SECRET_KEY.search(key)
        return HIDDEN if secret else self.all(value)


_PLAIN = Mask()


def printable(text: str) -> str:
    """Return text without what looks like a secret, with unprintable characters written out."""
    return _PLAIN.text(text)
