"""Checks JPEG 2000 inside a TIFF: its decoder takes any data for a picture, but some cannot be."""

from __future__ import annotations

import re
import struct
from typing import Final

_SOC: Final = b"\xff\x4f\xff\x51"
_MARKER: Final = re.compile(rb"\xff[\x90-\xff]")
"""Packed data never hold FF followed by more than 8F."""

_PACKET_MARKERS: Final = (b"\xff\x91", b"\xff\x92")


def is_sound(data: bytes) -> bool:
    """Return whether the tile-parts of a code stream follow one another and are well formed."""
    at = data.find(_SOC)
    at = data.find(b"\xff\x90", at)
    while at >= 0 and at + 12 <= len(data) and data[at : at + 2] == b"\xff\x90":
        (length,) = struct.unpack_from(">I", data, at + 6)
        end = at + length if length else len(data) - 2
        start = _after_header(data, at + 12, end)
        if start is None or end > len(data):
            return False
        markers = (match.group() for match in _MARKER.finditer(data, start, end))
        if any(marker not in _PACKET_MARKERS for marker in markers):
            return False
        at = end
    return at >= 0 and data[at : at + 2] == b"\xff\xd9"


def _after_header(data: bytes, at: int, end: int) -> int | None:
    """Return where the packed data of a tile-part start, behind its segments."""
    while at + 4 <= end:
        if data[at : at + 2] == b"\xff\x93":
            return at + 2
        if data[at] != 0xFF:
            return None
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
