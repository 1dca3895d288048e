"""Reads JPEG strictly, so that data which a decoder would make up is refused.

libjpeg fills in what is missing or damaged and only warns; here every warning is a refusal. The
few warnings about headers that cost no pixel are made void beforehand.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import simplejpeg
from smear_damage import erased, has_ground
from smear_error import ImageError, check_size, corrupt, truncated, unsupported
from smear_exif import Metadata
from smear_page import Array, FirstPage, of_array

MAX_SCANS: Final = 100
"""A progressive JPEG has about ten scans; each costs a pass over the whole image."""

MAX_SEGMENTS: Final = 10_000
"""Segments before the first scan; a colour profile and EXIF of the largest size take 300."""

MAX_FILL: Final = 65_536
"""FF bytes before a marker; there are more of them only where storage was erased."""

_BLANK: Final = 128
"""Zeros among the codes; real progressive pictures without a ground have 27 at most."""

_SOS: Final = 0xDA
_NOT_FF: Final = re.compile(rb"[^\xff]")
_FRAMES: Final = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
"""Sequential and progressive, with Huffman or arithmetic coding."""
_OTHER_FRAMES: Final = {
    0xC3: "a lossless JPEG",
    0xCB: "a lossless JPEG",
    0xF7: "a JPEG-LS image",
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "a hierarchical JPEG"),
}
_COLOURS: Final = {1: "GRAY", 3: "RGB", 4: "CMYK"}
_MODES: Final = {1: "L", 3: "RGB", 4: "CMYK"}


class Head(NamedTuple):
    """What a JPEG says before its first scan."""

    width: int
    height: int
    components: int
    sequential: bool
    scan: int
    """Where the first scan starts."""
    segments: list[tuple[int, int, int]]
    """Marker, and where its content starts and ends."""


def read(data: bytes, side: int) -> FirstPage:
    """Return the picture, at a half, a quarter or an eighth if that keeps ``side`` pixels."""
    head = parse(data)
    check_size(head.width, head.height)
    scale = next(s for s in (8, 4, 2, 1) if min(head.width, head.height) // side >= s or s == 1)
    samples = decode(data, head, scale)
    if head.components == 4:
        np.subtract(255, samples, out=samples)  # as Adobe's programs write CMYK
    metadata = Metadata.of_jpeg(data, head.segments)

    return FirstPage(
        of_array(samples, _MODES[head.components]),
        pages=metadata.pages,
        extent=(head.width / scale, head.height / scale),
        orientation=metadata.orientation,
        profile=metadata.profile,
        suspect=_is_blanked(data, head, samples),
    )


def _is_blanked(data: bytes, head: Head, samples: Array) -> bool:
    """Return whether long runs of zeros among the codes stand for no flat ground."""
    if head.components != 3 or not erased(data, head.scan, least=_BLANK):
        return False
    end = data.find(b"\xff\xd9", head.scan)
    return erased(data, head.scan, end, least=_BLANK) and not has_ground(samples)


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the marker of the segment that starts at a place, and the place behind it."""
    filled = _NOT_FF.search(data, at, at + MAX_FILL)
    if filled is None:
        raise truncated("JPEG", "before its picture")
    if filled.start() == at:
        raise corrupt("JPEG", "there is other data where a segment has to start")
    marker = data[filled.start()]
    if marker == 0xD9:
        raise truncated("JPEG", "before its picture")
    if marker == 0x01 or 0xD0 <= marker <= 0xD8:
        raise corrupt("JPEG", "a marker stands where it has no place")
    return marker, filled.end()


def parse(data: bytes) -> Head:
    """Walk over the segments up to the first scan.

    Raises:
        ImageError: they make no sense.
    """
    frame: tuple[int, int, int, int] | None = None
    segments: list[tuple[int, int, int]] = []
    at = 2
    while True:
        marker, at = _marker(data, at)
        if at + 2 > len(data):
            raise truncated("JPEG", "inside its header")
        end = at + int.from_bytes(data[at : at + 2], "big")
        if end < at + 2:
            raise corrupt("JPEG", "a segment has an impossible length")
        if end > len(data):
            raise truncated("JPEG", "inside its header")
        if marker in _OTHER_FRAMES:
            raise unsupported(f"this is {_OTHER_FRAMES[marker]}, which")
        if marker in _FRAMES:
            frame = _frame(marker, data[at + 2 : end])
        elif marker == _SOS:
            if frame is None:
                raise corrupt("JPEG", "it does not say how large its picture is")
            _, width, height, components = frame
            sequential = frame[0] in (0xC0, 0xC1)
            return Head(width, height, components, sequential, at - 2, segments)
        segments.append((marker, at + 2, end))
        if len(segments) > MAX_SEGMENTS:
            raise corrupt("JPEG", f"it has more than {MAX_SEGMENTS:,} segments before its picture")
        at = end


def _frame(marker: int, content: bytes) -> tuple[int, int, int, int]:
    if len(content) < 6:
        raise corrupt("JPEG", "its header is too short")
    bits, height, width, components = struct.unpack_from(">BHHB", content)
    if bits != 8:
        raise unsupported(f"this JPEG has {bits} bits a sample, which")
    if components not in _COLOURS:
        raise unsupported(f"this JPEG has {components} components a pixel, which")
    if not height:
        raise unsupported("this JPEG gives its height only after the picture, which")
    return marker, width, height, components


def decode(data: bytes, head: Head, scale: int = 1) -> Array:
    """Return all pixels, uint8 [h, w] or [h, w, 3 or 4]; CMYK as it is stored."""
    end = data.find(b"\xff\xd9", head.scan)
    stop = end if end >= 0 else len(data)
    if data.count(b"\xff\xda", head.scan, stop) > MAX_SCANS:
        raise corrupt("JPEG", f"it has more than {MAX_SCANS} scans")
    _check_zeros(data, head, stop)
    try:
        samples = simplejpeg.decode_jpeg(
            _without_harmless_warnings(data, head),
            _COLOURS[head.components],
            min_height=-(-head.height // scale),
            min_width=-(-head.width // scale),
        )
    except ValueError as error:
        raise _refusal(str(error), is_cut=end < 0) from error
    return np.asarray(samples[..., 0] if head.components == 1 else samples)


def _refusal(reason: str, *, is_cut: bool) -> ImageError:
    if "subsampling level" in reason:
        return unsupported("this JPEG stores its colours at an unusual part of its size, which")
    if is_cut or "Premature end of JPEG file" in reason:
        return truncated("JPEG", "before its last row")
    return corrupt("JPEG", "the data of its pixels make no sense")


def _without_harmless_warnings(data: bytes, head: Head) -> bytes:
    """Mend what libjpeg warns of in the header and corrects itself."""
    edits: dict[int, bytes] = {}
    for marker, start, end in head.segments:
        if marker == 0xE0 and data[start : start + 5] == b"JFIF\0" and end - start >= 7:
            if data[start + 5] != 1:
                edits[start + 5] = b"\1\1"
        elif marker == 0xEE and data[start : start + 5] == b"Adobe" and end - start >= 12:
            known = {1: (0, 1), 3: (0, 1), 4: (0, 2)}[head.components]
            if data[start + 11] not in known:
                edits[start + 11] = bytes(known[1:])
    if head.sequential:
        tail = head.scan + 2 + int.from_bytes(data[head.scan + 2 : head.scan + 4], "big") - 3
        if data[tail : tail + 3] != b"\0\x3f\0":
            edits[tail] = b"\0\x3f\0"
    if not edits:
        return data
    changed = bytearray(data)
    for at, value in edits.items():
        changed[at : at + len(value)] = value
    return bytes(changed)


def _check_zeros(data: bytes, head: Head, end: int) -> None:
    """Refuse long runs of zeros in a sequential JPEG where no picture makes them.

    Among the codes they can stand for a flat area, but only where zeros alone are the codes of "no
    change" and "end of block".
    """
    if not head.sequential or not erased(data, head.scan, end):
        return
    first = [
        data[at + 17]
        for marker, start, stop in head.segments
        if marker == 0xC4
        for at in _tables(data, start, stop)
    ]
    if any(first):
        raise corrupt("JPEG", "a part of it is overwritten with zeros")


def _tables(data: bytes, start: int, stop: int) -> Iterator[int]:
    """Yield where each Huffman table of a segment starts."""
    while start + 17 < stop:
        yield start
        start += 17 + sum(data[start + 1 : start + 17])
