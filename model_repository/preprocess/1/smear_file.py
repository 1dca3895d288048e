"""Tells which format an encoded image file has, and reads its first page.

The bytes come from anywhere. What is too large is refused by its header; what is cut short or
damaged is refused although many decoders would fill in the missing part; everything is bounded.
"""

from __future__ import annotations

import warnings
from typing import Final

import smear_bmp
import smear_jpeg
import smear_png
import smear_tiff
import smear_webp
from smear_error import (
    ACCEPTED,
    CORRUPT,
    EMPTY,
    MAX_PIXELS,
    TOO_LARGE,
    TRUNCATED,
    UNSUPPORTED,
    ImageError,
    refusal,
)
from smear_page import FirstPage

__all__ = [
    "ACCEPTED",
    "CORRUPT",
    "EMPTY",
    "MAX_PIXELS",
    "TOO_LARGE",
    "TRUNCATED",
    "UNSUPPORTED",
    "FirstPage",
    "ImageError",
    "identify",
    "read",
    "refusal",
]

# What Pillow warns about is either refused here or concerns metadata that is not used.
warnings.filterwarnings("ignore", module=r"PIL\.")

_SIGNATURES: Final = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_OTHERS: Final = (
    (0, b"GIF8", "a GIF"),
    (0, b"%PDF", "a PDF document"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%!PS", "a PostScript document"),
    (4, b"jP  \r\n", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"\xff\xd8\xff\xf7", "a JPEG-LS image"),
    (4, b"JXL \r\n", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (4, b"ftypavi", "an AVIF image"),
    (4, b"ftyphei", "a HEIC image"),
    (4, b"ftypmif1", "a HEIC image"),
    (4, b"ftypcrx", "a raw camera file"),
    (4, b"ftyp", "a video"),
    (0, b"FUJIFILMCCD-RAW", "a raw camera file"),
    (0, b"IIRO", "a raw camera file"),
    (0, b"IIRS", "a raw camera file"),
    (0, b"MMOR", "a raw camera file"),
    (0, b"IIU\0", "a raw camera file"),
    (0, b"II\xbc\x01", "a JPEG XR image"),
    (0, b"RIFF", "a RIFF file without a WebP image"),
    (0, b"ZISRAWFILE", "a Zeiss CZI file"),
    (0, b"\xda\xce\xbe\x0a", "a Nikon ND2 file"),
    (0, b"\x89HDF\r\n", "an HDF5 file"),
    (0, b"\0\0\x01\0", "an icon file"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
)

DICOM: Final = (
    "this is a DICOM object; allclient classify reads it with the extra pacs "
    f"(pip install 'allclient[pacs]'), or send the picture in it as {ACCEPTED}"
)

_CONTROLS: Final = frozenset({*range(9), *range(14, 32)})
"""Bytes that text has no use for."""


def identify(data: bytes) -> str:
    """Return the format by the file's first bytes: "JPEG", "PNG", "BMP", "TIFF" or "WebP".

    Raises:
        ImageError: it is anything else (image_empty, image_unsupported); the message names what
            it is where that can be told.
    """
    if not data:
        raise ImageError(EMPTY, "the file holds no bytes")
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"DICM", 128):
        raise ImageError(UNSUPPORTED, DICOM)
    for offset, signature, name in _OTHERS:
        if data.startswith(signature, offset):
            raise ImageError(UNSUPPORTED, f"this is {name}; send {ACCEPTED}")
    is_text = _CONTROLS.isdisjoint(data[:512])
    name = "this is text, not an image" if is_text else "no image format was recognised"
    raise ImageError(UNSUPPORTED, f"{name}; send {ACCEPTED}")


def read(data: bytes, kind: str, *, side: int) -> FirstPage:
    """Decode the first page of a file that ``identify`` named.

    A JPEG may come at a half, a quarter or an eighth of its size, as long as both its sides keep
    ``side`` pixels. For a broken file whatever the decoder raises comes out: see ``refusal``. The
    bands of the picture raise the same when they are drawn.

    Raises:
        ImageError: the file is too large (by its header, before any pixel is decoded), cut short,
            damaged or of a kind that is not read.
    """
    if kind == "JPEG":
        return smear_jpeg.read(data, side)
    readers = {
        "PNG": smear_png.read,
        "BMP": smear_bmp.read,
        "TIFF": smear_tiff.read,
        "WebP": smear_webp.read,
    }
    return readers[kind](data)
