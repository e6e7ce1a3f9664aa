# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of hosts as DNS and certificates have them, and what people write instead."""

from __future__ import annotations

import re
import unicodedata

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
# All for fullmatch: $ would let a line break at the end pass.
# Clients take a name whose last label is a number for an address.
_HOST = re.compile(rf"(\*\.)?({_LABEL}\.)+(?![0-9]+\Z){_LABEL}")
_ADDRESS = re.compile(r"(\*\.)?[0-9.]*\.[0-9]+|[0-9a-fA-F:]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*")
_JOINERS = "\u200c\u200d"
# Categories of characters that no name has: symbols, blanks and controls.
_UNNAMED = re.compile("S|Z|C[^f]")
# The dots of RFC 3490.
_DOTS = re.compile("[.\u3002\uff0e\uff61]")


def is_address_like(value: str) -> bool:
    """Return whether a value looks as addresses do, right or wrong ones."""
    return _ADDRESS.fullmatch(value) is not None


def _ascii_name(host: str) -> str:
    """Return a name as DNS holds it. Python's own codec would make another name of ß."""
    # What cannot be seen came with a file or a web page, but for the two that join letters.
    seen = "".join(letter for letter in host if letter in _JOINERS or unicodedata.category(letter) != "Cf")
    labels = (unicodedata.normalize("NFC", label.lower()) for label in _DOTS.split(seen.strip().removesuffix(".")))
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def host_problem(value: str) -> str | None:
    """Return why a value cannot be the name of a host, None if it can; the name that it stands for is written out."""
    if is_address_like(value.strip("[]")):
        return "an address is not a host name, and no certificate is issued for it here"
    if "/" in value or ":" in value:
        return "a host name has no scheme, port or path"
    if len(value) <= 253 and _HOST.fullmatch(value):
        return None
    written = _ascii_name(value)
    if len(written) <= 253 and _HOST.fullmatch(written) and not any(map(_UNNAMED.match, map(unicodedata.category, value.strip()))):
        unseen = not value.isascii() and "xn--" not in written
        how = "" if value.isascii() else ", without what cannot be seen" if unseen else ", which is its name in DNS"
        return f"write '{written}'{how}"
    return "it must be a DNS name such as app.example.com or *.example.com"
