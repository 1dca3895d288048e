"""Reads PNG: every checksum is verified, and every kind of transparency shows white."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import imagecodecs
import numpy as np
from smear_error import TOO_LARGE, ImageError, check_size, corrupt, truncated
from smear_exif import orientation
from smear_page import FirstPage, of_array

MAX_CHUNKS: Final = 100_000
"""A PNG of the largest size in pieces of 8 kB has fewer."""

MAX_UNPACKED: Final = 8 * 1024 * 1024
"""Bytes of all texts and the colour profile together, unpacked."""

logging.getLogger("imagecodecs").setLevel(logging.CRITICAL)  # It warns of what costs no pixel.

MAX_RAW: Final = 700_000_000
"""Bytes of the unpacked pixel data; more than the largest picture has with 8 bits."""

MAX_SPARE: Final = 65_536
"""Bytes that may follow the picture in its pixel data; some programs write a few."""

_PALETTE: Final = 3
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column and row, and the steps, of each pass of an interlaced PNG."""
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


class Head(NamedTuple):
    """The first chunk of a PNG."""

    width: int
    height: int
    depth: int
    kind: int
    interlaced: int

    def passes(self) -> list[tuple[int, int]]:
        """Return how many rows each pass has, and their bytes: a filter, then the samples."""
        bits = self.depth * _CHANNELS[self.kind]
        sizes = []
        for left, top, right, down in _PASSES if self.interlaced else ((0, 0, 1, 1),):
            columns = -(-(self.width - left) // right)
            rows = -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                sizes.append((rows, 1 + -(-columns * bits // 8)))
        return sizes

    def raw_size(self) -> int:
        """Return the number of bytes of the unpacked pixel data."""
        return sum(rows * length for rows, length in self.passes())


class Chunks(NamedTuple):
    """What the chunks beside the pixel data say."""

    frames: int
    exif: bytes
    xmp: bytes
    profile: bytes | None
    palette: bytes
    transparent: bytes
    packed: list[memoryview]
    """The pixel data."""


def read(data: bytes) -> FirstPage:
    """Return the picture; raise ImageError.

    libpng gets only chunks that were checked before: it loses memory where it meets an error.
    """
    if len(data) < 33:
        raise truncated("PNG", "inside its header")
    head = _head(data)
    chunks = _walk(data)
    packed = b"".join(chunks.packed)
    _check_packed(packed, head)
    if head.kind == _PALETTE and not chunks.palette:
        raise corrupt("PNG", "it has no palette")
    checked = {b"IHDR": data[16:29], b"PLTE": chunks.palette, b"tRNS": chunks.transparent}
    checked |= {b"IDAT": packed}
    body = b"".join(_chunk(name, content) for name, content in checked.items() if content)
    samples = imagecodecs.png_decode(data[:8] + body + _chunk(b"IEND", b""))
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    image = of_array(samples, ("L", "LA", "RGB", "RGBA")[channels - 1])
    return FirstPage(
        image=image,
        pages=chunks.frames,
        extent=image.size,
        orientation=orientation(chunks.exif, chunks.xmp),
        profile=chunks.profile,
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
    return b"".join([struct.pack(">I", len(content)), name, content, checksum])


def _check_packed(packed: bytes, head: Head) -> None:
    """Refuse pixel data whose checksum does not fit, that are too short, or make no sense."""
    size = head.raw_size()
    try:
        raw = imagecodecs.deflate_decode(packed, out=size + MAX_SPARE)
    except imagecodecs.DeflateError as error:
        raise corrupt("PNG", "its pixel data cannot be unpacked") from error
    if len(raw) < size:
        raise truncated("PNG", "before its last row")
    filters = np.frombuffer(raw, np.uint8)
    at = 0
    for rows, length in head.passes():
        if filters[at : at + rows * length : length].max() > 4:
            raise corrupt("PNG", "its pixel data make no sense")
        at += rows * length


def _head(data: bytes) -> Head:
    if data[12:16] != b"IHDR" or data[8:12] != b"\0\0\0\r":
        raise corrupt("PNG", "it does not start with its header")
    width, height, depth, kind, method, filtering, interlaced = struct.unpack_from(
        ">IIBBBBB", data, 16
    )
    check_size(width, height)
    if depth not in _DEPTHS.get(kind, ()) or method or filtering or interlaced > 1:
        raise corrupt("PNG", "its header names a kind of picture that there is not")
    head = Head(width, height, depth, kind, interlaced)
    if head.raw_size() > MAX_RAW:
        raise ImageError(
            TOO_LARGE,
            f"the image has {width} x {height} pixels of {depth} bits a sample, which is more than "
            f"the limit of {MAX_RAW / 1e6:.0f} megabytes; save it with 8 bits or as a smaller copy",
        )
    return head


def _whole_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the name and the body of every chunk up to the last, after a check of each."""
    view, at, name, count = memoryview(data), 8, b"", 0
    while name != b"IEND":
        count += 1
        if at + 12 > len(data):
            raise truncated("PNG", "before its last chunk")
        (length,), name = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise truncated("PNG", "inside a chunk")
        if zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise corrupt("PNG", "the checksum of a chunk does not fit")
        if count > MAX_CHUNKS:
            raise corrupt("PNG", f"it has more than {MAX_CHUNKS:,} chunks")
        yield name, view[at + 8 : end - 4]
        at = end


def _walk(data: bytes) -> Chunks:
    """Check that all chunks are there and whole, and read those that are used."""
    frames, animated_first = 0, False
    packed: list[memoryview] = []
    contents: dict[bytes, bytes] = {}
    unpacked = Unpacked()
    for name, body in _whole_chunks(data):
        if name == b"IDAT":
            packed.append(body)
        elif name == b"fcTL" and not packed:
            animated_first = True
        elif name == b"acTL" and len(body) >= 8 and not packed:
            (frames,) = struct.unpack_from(">I", body)
        elif name in (b"PLTE", b"tRNS"):
            contents.setdefault(name, bytes(body))
        elif name in (b"eXIf", b"iCCP", b"zTXt", b"iTXt"):
            unpacked.add(name, bytes(body), contents)
    if not packed:
        raise truncated("PNG", "before its picture")
    exif = contents.get(b"eXIf", b"")
    return Chunks(
        frames=max(1, frames + (not animated_first)) if frames else 1,
        exif=b"Exif\0\0" + exif if exif else contents.get(b"Raw profile type exif", b""),
        xmp=contents.get(b"XML:com.adobe.xmp", b""),
        profile=contents.get(b"iCCP"),
        palette=_palette(contents.get(b"PLTE", b"")),
        transparent=contents.get(b"tRNS", b""),
        packed=packed,
    )


def _palette(content: bytes) -> bytes:
    """Check that colours are whole, and no more than an index of 8 bits reaches."""
    if len(content) % 3 or len(content) > 768:
        raise corrupt("PNG", "its palette has an impossible length")
    return content


class Unpacked:
    """Texts and profiles of one file, unpacked up to a limit for all of them together."""

    def __init__(self) -> None:
        self._left = MAX_UNPACKED

    def add(self, name: bytes, content: bytes, contents: dict[bytes, bytes]) -> None:
        """Put what is used of one chunk into ``found``."""
        if name == b"eXIf":
            contents.setdefault(name, content)
            return
        keyword, _, rest = content.partition(b"\0")
        if name == b"iCCP":
            contents.setdefault(name, self._inflate(rest[1:]))
        elif name == b"zTXt":
            text = self._inflate(rest[1:])
            if keyword == b"Raw profile type exif":
                contents.setdefault(keyword, _from_hex(text))
        elif name == b"iTXt":
            language = rest[2:].split(b"\0", 2)
            text = language[2] if len(language) == 3 else b""
            text = self._inflate(text) if rest[:1] == b"\1" else text
            if keyword == b"XML:com.adobe.xmp":
                contents.setdefault(keyword, text)

    def _inflate(self, packed: bytes) -> bytes:
        try:
            text = zlib.decompressobj().decompress(packed, self._left + 1)
        except zlib.error:
            return b""  # An unreadable text says nothing.
        self._left -= len(text)
        if self._left < 0:
            raise corrupt("PNG", "its texts and colour profile are too large when unpacked")
        return text


def _from_hex(text: bytes) -> bytes:
    """Read ImageMagick's EXIF: three lines of head, then hexadecimal digits."""
    try:
        return bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:]))
    except ValueError:
        return b""
