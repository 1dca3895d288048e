"""From the bytes of one strip or tile to its samples, strictly: nothing is filled in.

Every decoder is given a limit for what it may write, and what it leaves out is a refusal.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

import imagecodecs
import numpy as np
import smear_j2k
import smear_jpeg
from smear_damage import erased, overwritten
from smear_error import corrupt, truncated, unsupported
from smear_page import Array

JPEGS: Final = frozenset({7, 33007})
_MEMORY: Final = 256 * 1024 * 1024


def _plain(data: bytes, limit: int) -> bytes:
    return data[:limit]


def _deflate(data: bytes, limit: int) -> bytes:
    """With its checksum, which stands at the end."""
    packer = zlib.decompressobj()
    found = packer.decompress(data, limit)
    while not packer.eof and packer.unconsumed_tail:
        if packer.decompress(packer.unconsumed_tail, 1 << 16):
            raise corrupt("TIFF", "a strip or tile holds more than its picture")
    if not packer.eof:
        raise truncated("TIFF", "before its last row")
    return found


def _lzma(data: bytes, limit: int) -> bytes:
    packer = lzma.LZMADecompressor(memlimit=_MEMORY)
    found = packer.decompress(data, limit)
    if not packer.eof and not packer.needs_input:
        packer.decompress(b"", 1)
    if not packer.eof:
        raise truncated("TIFF", "before its last row")
    return found


def _lzw(data: bytes, limit: int) -> bytes:
    if overwritten(data):
        raise corrupt("TIFF", "a part of it is overwritten with one value")
    return bytes(imagecodecs.lzw_decode(data, out=limit))


def _packbits(data: bytes, limit: int) -> bytes:
    if erased(data, least=256):
        raise corrupt("TIFF", "a part of it is overwritten with zeros")
    return bytes(imagecodecs.packbits_decode(data, out=limit))


def _zstd(data: bytes, limit: int) -> bytes:
    return bytes(imagecodecs.zstd_decode(data, out=limit))


STREAMS: Final[dict[int, Callable[[bytes, int], bytes]]] = {
    1: _plain,
    5: _lzw,
    8: _deflate,
    32946: _deflate,
    32773: _packbits,
    34925: _lzma,
    50000: _zstd,
}
"""Byte streams: the samples of a strip or tile, packed."""

CHECKED: Final = JPEGS | {8, 32946, 34925}
"""Those that have a checksum, or whose decoder is strict."""

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
    50013: "PIXTIFF",
}


def picture(data: bytes, compression: int, shape: tuple[int, int, int], dtype: str) -> Array:
    """Samples [h, w, s] of a strip or tile that holds a whole picture."""
    name, starts, decode = PICTURES[compression]
    if not data.startswith(starts) or (name == "WebP" and data[8:12] != b"WEBP"):
        raise unsupported(f"a TIFF that should hold {name} and holds something else")
    if name == "JPEG 2000" and not (smear_j2k.is_sound(data) and not erased(data, least=512)):
        raise corrupt("TIFF", "its JPEG 2000 data make no sense")
    samples = np.empty(shape if shape[2] > 1 else shape[:2], dtype)
    extra = {"hasalpha": True} if name == "WebP" and shape[2] == 4 else {}
    return np.asarray(decode(data, out=samples, **extra)).reshape(shape)


def jpeg(data: bytes, tables: bytes, photometric: int, shape: tuple[int, int, int]) -> Array:
    """Samples [h, w, s] of a JPEG strip or tile; YCbCr comes as RGB."""
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
    """The JPEG with the tables that it shares with others."""
    if not tables.startswith(b"\xff\xd8"):
        raise corrupt("TIFF", "the tables of its JPEG data make no sense")
    inner = tables[2:-2] if tables.endswith(b"\xff\xd9") else tables[2:]
    return b"\xff\xd8" + inner + data[2:]


def unpack(
    data: bytes | memoryview, bits: int, kind: str, order: str, shape: tuple[int, int, int]
) -> Array:
    """Samples [h, w, s] in the machine's byte order; rows start at whole bytes."""
    height, width, samples = shape
    size = height * -(-width * samples * bits // 8)
    if len(data) < size:
        raise truncated("TIFF", "before its last row")
    if bits in (8, 16, 32):
        dtype = np.dtype(f"{order}{kind}{bits // 8}")
        plain = np.frombuffer(data, dtype, count=height * width * samples)
        return plain.astype(dtype.newbyteorder("="), copy=False).reshape(shape)
    dtype = np.dtype("u1" if bits < 8 else f"{order}u2")
    values = imagecodecs.packints_decode(bytes(data[:size]), dtype, bits, runlen=width * samples)
    return np.asarray(values).astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def unpredict(samples: Array, predictor: int) -> Array:
    """Undo horizontal differences between pixels."""
    if predictor == 1:
        return samples
    if predictor == 2:
        return np.asarray(imagecodecs.delta_decode(samples, axis=1, out=None))
    return np.asarray(imagecodecs.floatpred_decode(samples, axis=1, out=None))
