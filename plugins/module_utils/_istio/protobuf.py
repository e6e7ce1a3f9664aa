# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol buffers on the wire, as far as a few messages of xDS need them: numbers, strings and messages. No input or output.

Private to baremesh.edge: other collections must not import it; it changes without notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

Value = Union[int, str, bytes]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZE = {_FIXED64: 8, _FIXED32: 4}


class ProtobufError(ValueError):
    """Bytes that are no message."""


def encode(fields: Iterable[tuple[int, Value]]) -> bytes:
    """A message of these fields, by number; an inner message is given as its bytes."""
    found = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            found += _varint(number << 3 | _VARINT) + _varint(value)
        else:
            data = value.encode("utf-8") if isinstance(value, str) else value
            found += _varint(number << 3 | _BYTES) + _varint(len(data)) + data
    return bytes(found)


def decode(data: bytes) -> dict[int, list[Value]]:
    """The fields of a message by number; strings and inner messages as bytes. Raises ProtobufError."""
    found: dict[int, list[Value]] = {}
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        kind = tag & 7
        value: Value
        if kind == _VARINT:
            value, position = _read_varint(data, position)
        else:
            if kind == _BYTES:
                size, position = _read_varint(data, position)
            elif kind in _FIXED_SIZE:
                size = _FIXED_SIZE[kind]
            else:
                raise ProtobufError("wire type %d is none that is in use" % kind)
            value = data[position : position + size]
            if len(value) != size:
                raise ProtobufError("the message ends in the middle of field %d" % (tag >> 3))
            position += size
        found.setdefault(tag >> 3, []).append(value)
    return found


def inner(message: dict[int, list[Value]], number: int) -> dict[int, list[Value]]:
    """The last inner message of that number, an empty one where there is none. Raises ProtobufError."""
    return decode(raw(message, number))


def raw(message: dict[int, list[Value]], number: int) -> bytes:
    """The last value of that number as bytes. Raises ProtobufError where it is a number."""
    values = message.get(number)
    if not values:
        return b""
    if not isinstance(values[-1], bytes):
        raise ProtobufError("field %d is a number" % number)
    return values[-1]


def text(message: dict[int, list[Value]], number: int) -> str:
    """The last value of that number as text. Raises ProtobufError."""
    try:
        return raw(message, number).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ProtobufError("field %d is not text" % number) from exc


def _varint(value: int) -> bytes:
    if value < 0:
        raise ProtobufError("%d is negative" % value)
    found = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        if not value:
            found.append(low)
            return bytes(found)
        found.append(low | 0x80)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise ProtobufError("a number does not end")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, position
