"""The least TIFF writer: it lays out what it is given, and nothing is left to a library."""

from __future__ import annotations

import struct

_LETTERS = {1: "B", 3: "H", 4: "I", 5: "II", 13: "I", 16: "Q"}
Tags = dict[int, tuple[int, list[int] | bytes]]


def tiff(
    pages: list[tuple[Tags, list[bytes]]], order: str = "<", big: bool = False, tiled: bool = False
) -> bytes:
    """One directory a page, of tags {tag: (type, values)} and strips or tiles."""
    word, long = ("Q", 16) if big else ("I", 4)
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(order + "HHH", 43, 8, 0) if big else struct.pack(order + "H", 42)
    out = bytearray(mark + head + bytes(8 if big else 4))
    link = len(out) - (8 if big else 4)
    for given, blocks in pages:
        places = [_append(out, block) for block in blocks]
        tags: Tags = {
            (324 if tiled else 273): (long, places),
            (325 if tiled else 279): (4, [len(block) for block in blocks]),
            **given,
        }
        table = b""
        for tag, (kind, values) in sorted(tags.items()):
            raw, count = _packed(order, kind, values)
            room = 8 if big else 4
            if len(raw) > room:
                raw = struct.pack(order + word, _append(out, raw))
            table += struct.pack(order + "HH" + word, tag, kind, count) + raw.ljust(room, b"\0")
        number = struct.pack(order + ("Q" if big else "H"), len(tags))
        at = _append(out, number + table + bytes(8 if big else 4))
        struct.pack_into(order + word, out, link, at)
        link = len(out) - (8 if big else 4)
    return bytes(out)


def _append(out: bytearray, block: bytes) -> int:
    out += bytes(len(out) % 2)
    at = len(out)
    out += block
    return at


def _packed(order: str, kind: int, values: list[int] | bytes) -> tuple[bytes, int]:
    if isinstance(values, bytes):
        return values, len(values)
    letters = _LETTERS[kind]
    raw = struct.pack(order + letters[0] * len(values), *values)
    return raw, len(values) // len(letters)
