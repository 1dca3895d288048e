"""Draws a small image in memory for the first inference."""

from __future__ import annotations

import struct
import zlib


def tiny_png(side: int = 64) -> bytes:
    """Return a PNG of a violet disc on a pale ground, which every step of the ensemble accepts."""
    rows = bytearray()
    for y in range(side):
        rows.append(0)  # no filter
        for x in range(side):
            inside = (x - side / 2) ** 2 + (y - side / 2) ** 2 < (side / 4) ** 2
            rows += b"\x6a\x3d\x9a" if inside else b"\xea\xdc\xe4"
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
