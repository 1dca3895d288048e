"""Reads WebP: sizes of the file and of its chunks have to fit before it is decoded.

WebP has no checksum, and its decoder makes a picture of nearly anything. What gives damage away is
where it ends: a whole picture needs its data to the last bytes, and data that went astray before
mostly end too early or too late.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Final, NamedTuple

import imagecodecs
import numpy as np
from PIL import Image, WebPImagePlugin
from smear_damage import erased, has_ground, overwritten
from smear_error import check_size, corrupt, truncated
from smear_exif import of_image as orientation_of
from smear_page import FirstPage, of_image

MAX_WEBP_PIXELS: Final = 60_000_000
"""The WebP decoder holds four copies of an image; so this is 1 GB too."""

MAX_CHUNKS: Final = 10_000

_TAIL: Final = 16
"""Bytes at the end of the packed pixels on which a picture depends."""


class Packed(NamedTuple):
    """The packed pixels of the first picture."""

    name: bytes
    """b"VP8 " (lossy) or b"VP8L" (lossless)."""
    data: bytes


def read(data: bytes) -> FirstPage:
    """Return the picture; raise ImageError, and whatever a decoder raises for broken pixel data."""
    _check_header(data)
    packed = _first(data)
    if packed.name == b"VP8 " and overwritten(packed.data):
        raise corrupt("WebP", "a part of it is overwritten with one value")
    image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    check_size(*image.size, MAX_WEBP_PIXELS)
    image.load()
    return FirstPage(
        of_image(image),
        pages=int(getattr(image, "n_frames", 1)),
        extent=image.size,
        orientation=orientation_of(image),
        profile=image.info.get("icc_profile"),
        suspect=_is_blanked(packed, image) or not _is_used_up(packed),
        unchecked=True,
    )


def _is_blanked(packed: Packed, image: Image.Image) -> bool:
    """Return whether zeros in lossless data stand for no flat ground."""
    erasing = packed.name == b"VP8L" and erased(packed.data, least=2 * _TAIL)
    return erasing and not has_ground(np.asarray(image.convert("RGB")))


def _is_used_up(packed: Packed) -> bool:
    """Return whether other bytes at the end of the packed pixels give another picture."""
    end = bytes(value ^ 0x5A for value in packed.data[-_TAIL:])
    try:
        other = _checksum(packed._replace(data=packed.data[:-_TAIL] + end))
    except (RuntimeError, ValueError):
        return True
    return other != _checksum(packed)


def _checksum(packed: Packed) -> int:
    """Return a checksum of the pixels. The decoder's errors are RuntimeErrors."""
    size = len(packed.data)
    body = packed.name + struct.pack("<I", size) + packed.data + bytes(size % 2)
    head = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP"
    return zlib.crc32(imagecodecs.webp_decode(head + body).tobytes())


def _check_header(data: bytes) -> None:
    """Check size and completeness, before the decoder sets up its canvas."""
    if len(data) < 25 or struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise truncated("WebP", "before its last chunk")
    if data[12:16] == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
    check_size(width, height, MAX_WEBP_PIXELS)


def _first(data: bytes) -> Packed:
    """Check that every chunk lies in the file, and find the first picture, animated or not."""
    end = struct.unpack_from("<I", data, 4)[0] + 8
    at, count = 12, 0
    picture: Packed | None = None
    while at + 8 <= end:
        count += 1
        if count > MAX_CHUNKS:
            raise corrupt("WebP", f"it has more than {MAX_CHUNKS:,} chunks")
        name = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        if at + 8 + length > end:
            raise truncated("WebP", "inside a chunk")
        if picture is None and name in (b"VP8 ", b"VP8L"):
            picture = Packed(name, data[at + 8 : at + 8 + length])
        # The chunks of the first frame lie inside another, behind 16 bytes.
        inside = name == b"ANMF" and picture is None
        at += 24 if inside else 8 + length + length % 2
    if picture is None:
        raise truncated("WebP", "before its picture")
    return picture
