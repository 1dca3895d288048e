"""Decodes the bytes of one strip or tile to its samples, strictly: nothing is filled in.

Every decoder is given a limit for what it may write, and what it leaves out is a refusal.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable
from typing import Final, NamedTuple

import imagecodecs
import numpy as np
import numpy.typing as npt
import smear_j2k
import smear_jpeg
from smear_damage import erased, overwritten
from smear_error import corrupt, truncated, unsupported
from smear_page import Array

JPEGS: Final = frozenset({7, 33007})
_MEMORY: Final = 256 * 1024 * 1024


STREAMS: Final = frozenset({1, 5, 8, 32946, 32773, 34925, 50000})
"""Byte streams, which tifffile unpacks strictly, but for what ``check_stream`` looks at."""

CHECKED: Final = JPEGS | {8, 32946, 34925}
"""Those that have a checksum, or whose decoder is strict."""


def check_stream(data: bytes, compression: int, limit: int) -> None:
    """Refuse packed bytes that are damaged where their decoder does not notice."""
    if compression == 5 and overwritten(data):
        raise corrupt("TIFF", "a part of it is overwritten with one value")
    if compression == 32773 and erased(data, least=256):
        raise corrupt("TIFF", "a part of it is overwritten with zeros")
    if compression == 34925:
        packer = lzma.LZMADecompressor(memlimit=_MEMORY)
        packer.decompress(data, limit)
        if not packer.eof and not packer.needs_input:
            packer.decompress(b"", 1)
        if not packer.eof:
            raise truncated("TIFF", "before its last row")


_J2K: Final = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")
_JXL: Final = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


class Inner(NamedTuple):
    """A format of pictures that a strip or tile may hold."""

    name: str
    starts: tuple[bytes, ...]
    """How such data start."""
    decode: Callable[..., Array]


PICTURES: Final[dict[int, Inner]] = {
    33003: Inner("JPEG 2000", _J2K, imagecodecs.jpeg2k_decode),
    33005: Inner("JPEG 2000", _J2K, imagecodecs.jpeg2k_decode),
    34712: Inner("JPEG 2000", _J2K, imagecodecs.jpeg2k_decode),
    50001: Inner("WebP", (b"RIFF",), imagecodecs.webp_decode),
    50002: Inner("JPEG XL", _JXL, imagecodecs.jpegxl_decode),
    52546: Inner("JPEG XL", _JXL, imagecodecs.jpegxl_decode),
}
"""Whole pictures inside a strip or tile."""

NAMES: Final = {
    2: "CCITT fax",
    3: "CCITT fax",
    4: "CCITT fax",
    6: "old-style JPEG",
    32771: "CCITT fax",
    32809: "ThunderScan",
    32909: "PixarLog",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    34887: "LERC",
    34892: "lossy DNG",
    34926: "Zstandard of an older kind",
    34933: "PNG",
    34934: "JPEG XR",
    22610: "JPEG XR",
    50013: "PIXTIFF deflate",
}


def picture(
    data: bytes, compression: int, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Array:
    """Return the samples [h, w, s] of a strip or tile that holds a whole picture."""
    name, starts, decode = PICTURES[compression]
    if not data.startswith(starts) or (name == "WebP" and data[8:12] != b"WEBP"):
        raise unsupported(f"a TIFF that should hold {name} and holds something else")
    if name == "JPEG 2000" and not (smear_j2k.is_sound(data) and not erased(data, least=512)):
        raise corrupt("TIFF", "its JPEG 2000 data make no sense")
    samples = np.empty(shape if shape[2] > 1 else shape[:2], dtype)
    extra = {"hasalpha": True} if name == "WebP" and shape[2] == 4 else {}
    return np.asarray(decode(data, out=samples, **extra)).reshape(shape)


def jpeg(data: bytes, tables: bytes, photometric: int, shape: tuple[int, int, int]) -> Array:
    """Return the samples [h, w, s] of a JPEG strip or tile; YCbCr comes as RGB."""
    if not data.startswith(b"\xff\xd8"):
        raise corrupt("TIFF", "a strip or tile does not start as a JPEG does")
    whole = _with_tables(data, tables) if tables else data
    head = smear_jpeg.parse(whole)
    marked = any(marker in (0xE0, 0xEE) for marker, _, _ in head.segments)
    if head.components >= 3 and not marked:
        # Adobe's marker says whether the components are YCbCr; without it libjpeg guesses.
        flag = {3: int(photometric == 6), 4: 0}[head.components]
        adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([flag])
        whole = whole[:2] + adobe + whole[2:]
        head = smear_jpeg.parse(whole)
    height, width, samples = shape
    if (head.width, head.components) != (width, samples) or head.height < height:
        raise corrupt("TIFF", "a JPEG inside it has another size than its strip or tile")
    if head.height > max(2 * height, height + 4096):
        raise corrupt("TIFF", "a JPEG inside it is larger than its strip or tile")
    return smear_jpeg.decode(whole, head)[:height].reshape(shape)


def _with_tables(data: bytes, tables: bytes) -> bytes:
    """Return the JPEG with the tables that it shares with others."""
    if not tables.startswith(b"\xff\xd8"):
        raise corrupt("TIFF", "the tables of its JPEG data make no sense")
    inner = tables[2:-2] if tables.endswith(b"\xff\xd9") else tables[2:]
    return b"\xff\xd8" + inner + data[2:]
