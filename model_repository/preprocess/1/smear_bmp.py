"""Reads BMP: uncompressed pictures; run lengths are refused, for Pillow misreads some of them."""

from __future__ import annotations

import io
import struct
from typing import Final, NamedTuple

from PIL import BmpImagePlugin
from smear_damage import spoilt
from smear_error import check_size, corrupt, truncated, unsupported
from smear_page import FirstPage, of_image

_PACKINGS: Final = {
    1: "run lengths (RLE8)",
    2: "run lengths (RLE4)",
    4: "a JPEG inside",
    5: "a PNG inside",
    11: "CMYK",
    12: "CMYK with run lengths",
    13: "CMYK with run lengths",
}
_PLAIN: Final = (0, 3, 6)
_WHOLE: Final = (8, 24, 32)
_BITS: Final = (1, 4, 8, 16, 24, 32)


class Head(NamedTuple):
    """What the header of a BMP says."""

    width: int
    height: int
    bits: int
    packing: int
    start: int
    """Where the pixels start."""


def read(data: bytes) -> FirstPage:
    """Return the picture; raise ImageError, and whatever Pillow raises for broken pixels."""
    head = _head(data)
    try:
        image = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    except OSError as error:
        raise unsupported("a BMP with such a header or such colour masks") from error
    image.load()
    stop = head.start + head.height * _row(head)
    return FirstPage(
        of_image(image),
        pages=1,
        extent=image.size,
        suspect=head.bits in _WHOLE and spoilt(data, [(head.start, stop)], head.bits // 8),
    )


def _row(head: Head) -> int:
    """Return the bytes of a row, which fills whole words."""
    return (head.width * head.bits + 31) // 32 * 4


def _head(data: bytes) -> Head:
    """Check the header, and that every row is there."""
    if len(data) < 26:
        raise truncated("BMP", "inside its header")
    start, size = struct.unpack_from("<II", data, 10)
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    elif size < 16 or size > 1024:
        raise corrupt("BMP", "its header has an impossible length")
    elif len(data) < 14 + size:
        raise truncated("BMP", "inside its header")
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        packing = struct.unpack_from("<I", data, 30)[0] if size >= 20 else 0
    check_size(width, abs(height))
    if packing in _PACKINGS:
        raise unsupported(f"a BMP with {_PACKINGS[packing]}")
    if packing not in _PLAIN or bits not in _BITS:
        raise unsupported(f"a BMP of {bits} bits a pixel in this packing")
    head = Head(width, abs(height), bits, packing, start)
    if start < 14 + size:
        raise corrupt("BMP", "its pixels would start inside its header")
    if start + head.height * _row(head) > len(data):
        raise truncated("BMP", "before its last row")
    return head
