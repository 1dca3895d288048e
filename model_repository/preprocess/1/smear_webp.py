"""WebP: sizes of the file and of its chunks have to fit before it is decoded."""

from __future__ import annotations

import io
import struct
from typing import Final

from PIL import WebPImagePlugin
from smear_damage import overwritten
from smear_error import check_size, corrupt, truncated
from smear_exif import of_image as orientation_of
from smear_page import FirstPage, of_image

MAX_WEBP_PIXELS: Final = 60_000_000
"""The WebP decoder holds four copies of an image; so this is 1 GB too."""

MAX_CHUNKS: Final = 10_000


def read(data: bytes) -> FirstPage:
    """The picture; raises ImageError, and whatever Pillow raises for broken pixel data."""
    _check_header(data)
    _walk(data)
    image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    check_size(*image.size, MAX_WEBP_PIXELS)
    image.load()
    return FirstPage(
        of_image(image),
        pages=int(getattr(image, "n_frames", 1)),
        extent=image.size,
        orientation=orientation_of(image),
        profile=image.info.get("icc_profile"),
    )


def _check_header(data: bytes) -> None:
    """Size and completeness, before the decoder sets up its canvas."""
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


def _walk(data: bytes) -> None:
    """Check that every chunk lies in the file, and that packed pixels hold no erased part."""
    end = struct.unpack_from("<I", data, 4)[0] + 8
    at, count, pixels = 12, 0, False
    while at + 8 <= end:
        count += 1
        if count > MAX_CHUNKS:
            raise corrupt("WebP", f"it has more than {MAX_CHUNKS:,} chunks")
        name = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        if at + 8 + length > end:
            raise truncated("WebP", "inside a chunk")
        if name in (b"VP8 ", b"ANMF"):
            if name == b"VP8 " and overwritten(memoryview(data)[at + 8 : at + 8 + length]):
                raise corrupt("WebP", "a part of it is overwritten with one value")
            pixels = True
        pixels = pixels or name == b"VP8L"
        at += 8 + length + length % 2
    if not pixels:
        raise truncated("WebP", "before its picture")
