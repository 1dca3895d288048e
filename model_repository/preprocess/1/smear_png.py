"""PNG: every checksum is verified, and every kind of transparency shows white."""

from __future__ import annotations

import logging
import struct
import zlib
from typing import Final, NamedTuple

import imagecodecs
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

MAX_SPARE: Final = 1 << 30
"""Bytes that may be unpacked in vain."""

_DENSEST: Final = 1032
"""To so many bytes one packed byte can grow."""

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
    """The first chunk."""

    width: int
    height: int
    depth: int
    kind: int
    interlaced: int

    def raw_size(self) -> int:
        """Bytes of the unpacked pixel data: rows with a byte before each."""
        bits = self.depth * _CHANNELS[self.kind]
        total = 0
        for left, top, right, down in _PASSES if self.interlaced else ((0, 0, 1, 1),):
            columns = -(-(self.width - left) // right)
            rows = -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                total += rows * (1 + -(-columns * bits // 8))
        return total


class Chunks(NamedTuple):
    """What the chunks beside the pixel data say."""

    frames: int
    exif: bytes
    xmp: bytes
    profile: bytes | None
    packed: list[memoryview]
    """The pixel data."""


def read(data: bytes) -> FirstPage:
    """The picture; raises ImageError, and PngError for pixel data that libpng refuses."""
    if len(data) < 33:
        raise truncated("PNG", "inside its header")
    head = _head(data)
    chunks = _walk(data)
    _check_packed(chunks.packed, head.raw_size())
    samples = imagecodecs.png_decode(data)
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    image = of_array(samples, ("L", "LA", "RGB", "RGBA")[channels - 1])
    if image.size != (head.width, head.height):
        raise corrupt("PNG", "its picture has another size than its header says")
    return FirstPage(
        image=image,
        pages=chunks.frames,
        extent=image.size,
        orientation=orientation(chunks.exif, chunks.xmp),
        profile=chunks.profile,
    )


def _check_packed(packed: list[memoryview], size: int) -> None:
    """Refuse pixel data that unpack to far more than the picture: libpng would unpack all."""
    if sum(map(len, packed)) <= MAX_SPARE // _DENSEST + size // _DENSEST:
        return
    try:
        imagecodecs.deflate_decode(b"".join(packed), out=size)
    except imagecodecs.DeflateError as error:
        raise corrupt("PNG", "its pixel data do not unpack to its picture") from error


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


def _walk(data: bytes) -> Chunks:
    """Check that all chunks are there and whole, and read those that are used."""
    view, at, name, count = memoryview(data), 8, b"", 0
    frames, animated_first = 0, False
    packed: list[memoryview] = []
    found: dict[bytes, bytes] = {}
    unpacked = Unpacked()
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
        if name == b"IDAT":
            packed.append(view[at + 8 : end - 4])
        elif name == b"fcTL" and not packed:
            animated_first = True
        elif name == b"acTL" and length >= 8 and not packed:
            (frames,) = struct.unpack_from(">I", data, at + 8)
        elif name in (b"eXIf", b"iCCP", b"zTXt", b"iTXt"):
            unpacked.add(name, data[at + 8 : end - 4], found)
        at = end
    if not packed:
        raise truncated("PNG", "before its picture")
    exif = found.get(b"eXIf", b"")
    return Chunks(
        frames=max(1, frames + (not animated_first)) if frames else 1,
        exif=b"Exif\0\0" + exif if exif else found.get(b"Raw profile type exif", b""),
        xmp=found.get(b"XML:com.adobe.xmp", b""),
        profile=found.get(b"iCCP"),
        packed=packed,
    )


class Unpacked:
    """Texts and profiles of one file, unpacked up to a limit for all of them together."""

    def __init__(self) -> None:
        self._left = MAX_UNPACKED

    def add(self, name: bytes, content: bytes, found: dict[bytes, bytes]) -> None:
        """Put what is used of one chunk into ``found``."""
        if name == b"eXIf":
            found.setdefault(name, content)
            return
        keyword, _, rest = content.partition(b"\0")
        if name == b"iCCP":
            found.setdefault(name, self._inflate(rest[1:]))
        elif name == b"zTXt":
            text = self._inflate(rest[1:])
            if keyword == b"Raw profile type exif":
                found.setdefault(keyword, _from_hex(text))
        elif name == b"iTXt":
            language = rest[2:].split(b"\0", 2)
            text = language[2] if len(language) == 3 else b""
            text = self._inflate(text) if rest[:1] == b"\1" else text
            if keyword == b"XML:com.adobe.xmp":
                found.setdefault(keyword, text)

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
    """ImageMagick's way to store EXIF: three lines of head, then hexadecimal digits."""
    try:
        return bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:]))
    except ValueError:
        return b""
