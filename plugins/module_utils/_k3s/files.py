# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading, comparing and replacing files on a host, with nothing secret in what is shown."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.baremesh.edge.plugins.module_utils._json import parse_json
from ansible_collections.baremesh.edge.plugins.module_utils._masking import HIDDEN, printable
from ansible_collections.baremesh.edge.plugins.module_utils._removal import remove_file
from ansible_collections.baremesh.edge.plugins.module_utils._sha256 import sha256_file

STATE_DIR = "/var/lib/baremesh/k3s"
# What is shown of a text that may hide a secret anywhere.
DIFFERS = "(differs, and is not shown: it does not have the form that the role k3s writes)\n"


def read_text(path: str) -> str | None:
    """Return the text of a file, or C(None) if there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as handle:
            return handle.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def make_directory(path: str, mode: int) -> None:
    """Create a directory and its parents; parents that are made here get 0755."""
    parent = os.path.dirname(path)
    if parent and not os.path.isdir(parent):
        make_directory(parent, 0o755)
    if not os.path.isdir(path):
        os.mkdir(path)
        os.chmod(path, mode)


def part_path(path: str) -> str:
    """Return the name under which a file is prepared beside its place.

    It is always the same, so that what a killed run left behind is overwritten and never piles up.
    """
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.baremesh-part")


def replace_bytes(path: str, content: bytes, mode: int) -> None:
    """Put a file in place by rename: readers see the old or the new one, whenever the run dies."""
    part = part_path(path)
    remove_file(part)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as handle:
        os.fchmod(handle.fileno(), mode)
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(part, path)


def read_record(path: str) -> dict[str, Any]:
    """Return what a run before has noted, empty if there is nothing that can be read."""
    try:
        record = parse_json(read_text(path) or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def write_record(path: str, record: Mapping[str, Any], mode: int) -> None:
    """Note something for the next run."""
    make_directory(os.path.dirname(path), 0o755)
    replace_bytes(path, json.dumps(record, sort_keys=True, indent=1).encode(), mode)


def _stamp(path: str) -> list[int]:
    stat = os.stat(path)
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


class DigestCache:
    """SHA-256 of big files, computed again only when inode, size or a time of the file differs.

    The change time cannot be set by hand, so a file that was touched is always read again.
    """

    def __init__(self, path: str = os.path.join(STATE_DIR, "digests.json")) -> None:
        self.path = path
        self._known = read_record(path)
        self._dirty = False

    def digest(self, path: str) -> str | None:
        """Return a file's SHA-256, or C(None) if there is no such file."""
        try:
            stamp = _stamp(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        entry = self._known.get(path)
        if isinstance(entry, dict) and entry.get("stamp") == stamp:
            return str(entry["sha256"])
        value = sha256_file(path)
        self._known[path] = {"stamp": stamp, "sha256": value}
        self._dirty = True
        return value

    def save(self) -> None:
        """Keep what was computed for the next run."""
        if self._dirty:
            write_record(self.path, self._known, 0o644)
            self._dirty = False


# A value that is read as one whole on its line: nothing that runs over lines, refers to another place or has an end of its own.
_SCALAR = (
    r"(?:'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|\[\]|{}"
    r"|(?![\s'\"\[\]{}&*!|>%@`#,]|[?:-](?:\s|$))(?:[^\s:#]|:(?=\S)|(?<=\S)#| (?=[^\s#]))+)"
)
_LIST = r"\[[\w./*+-]+(?:, [\w./*+-]+)*\]"
_KEY = r"(?:(?![\[\]&*!|>%@`?])(?:[^\s'\"#{},:]|:(?=\S))+|'[^']*'|\"[^\"\\]*\")"
_PLAIN = re.compile(rf" *(?:- )*(?:{_KEY}:(?: (?:{_SCALAR}|{_LIST}))?|- (?:{_SCALAR}|{_LIST})|#.*|(?:{{}})?)")
_LIKE_PASSWORD = r"[\w.-]*(?:password|passwd|passphrase|secret|secret[_-]key|token)"  # noqa: S105 (names of keys)


def mask_yaml(text: str, keys: Iterable[str]) -> str:
    """Return YAML text with the values of some keys hidden, their continued lines included.

    That is safe only in the form that the role writes: one key or entry on a line. Of other text O(DIFFERS) is all that is returned.

    Args:
        text: The YAML text.
        keys: Key names; a key that ends in C(+) in the text, K3s's form for appending, counts as well, and keys named like a password.
    """
    return _split(text, keys)[0]


def hidden_values(text: str, keys: Iterable[str]) -> list[str]:
    """Return the values that mask_yaml hides, and of other forms of YAML too as far as a line shows them."""
    found = []
    for line in _split(text, keys)[1]:
        key, sign, value = line.strip().lstrip("- ").partition(": ")
        if not sign or re.fullmatch(_KEY, key) is None:
            key, value = "", line.strip().lstrip("- ")
        if key.strip("'\"") not in ("user", "username") and not value.endswith(":"):
            value = value.strip()
            found.append(value[1:-1] if value[:1] in tuple("'\"") and value[-1:] == value[:1] else value)
    return [value for value in found if value]


def _split(text: str, keys: Iterable[str]) -> tuple[str, list[str]]:
    """Return what may be shown of YAML text, and the parts of it that may not."""
    names = "|".join([*map(re.escape, keys)])
    if not names:
        return text, []
    key = rf"[\"']?(?:{names}|{_LIKE_PASSWORD})\+?[\"']?\s*:"
    head = re.compile(rf"(?P<indent>\s*)(?P<dash>(?:- )*)(?P<key>{key})(?P<rest>.*)", re.IGNORECASE)
    elsewhere = re.compile(rf"(?:#\s*(?:- )*|[{{,]\s*){key}\s*(?P<rest>\S.*)", re.IGNORECASE)
    shown: list[str] = []
    hidden: list[str] = []
    ours = all(map(str.isprintable, text.splitlines()))
    hidden_below: int | None = None
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip())
        if hidden_below is not None:
            # A list may stand at the same depth as its key.
            if not line.strip() or depth > hidden_below or (depth == hidden_below and line.lstrip().startswith("- ")):
                hidden.append(line)
                continue
            hidden_below = None
        match = head.fullmatch(line)
        if match is None:
            aside = elsewhere.search(line)
            hidden += [re.split(r"[,}\]]", aside["rest"])[0]] if aside else []
            ours = ours and aside is None and _PLAIN.fullmatch(line) is not None
            shown.append(line)
            continue
        value = match["rest"].strip()
        hidden.append(value)
        # A quoted value or a list that does not end on its line ends anywhere.
        ours = ours and (value[:1] not in tuple("'\"[{&*!") or re.fullmatch(_SCALAR, value) is not None)
        shown.append(f"{match['indent']}{match['dash']}{match['key']} {HIDDEN}")
        hidden_below = len(match["indent"]) + len(match["dash"])
    whole = "\n".join(shown) + ("\n" if text.endswith("\n") else "")
    return printable(whole) if ours else DIFFERS, hidden
