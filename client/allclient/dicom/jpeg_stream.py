"""Makes the JPEG stream in a DICOM object a file that says all that the object says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from allclient.dicom.header import corrupt

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SOF: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SOS: Final = 0xDA
_EXIF: Final = b"Exif\0"
_ICC: Final = b"ICC_PROFILE\0"
_ICC_PART: Final = 65519
"""The most bytes of a profile in one APP2 segment."""

_ADOBE_RGB: Final = b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0\0"


class Frame(NamedTuple):
    """What the headers of a JPEG stream say."""

    columns: int
    rows: int
    components: int
    says_colour: bool
    """Whether the stream itself says if it is RGB or YCbCr (by a JFIF or an Adobe segment)."""
    has_profile: bool
    has_exif: bool


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    position = 2
    while position + 4 <= len(stream) and stream[position] == 0xFF:
        marker = stream[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        length = int.from_bytes(stream[position + 2 : position + 4], "big")
        yield marker, stream[position + 4 : position + 2 + length]
        if marker == _SOS or length < 2:
            return
        position += 2 + length


def look(stream: bytes) -> Frame:
    """Read the headers of a JPEG stream. Raises ImageReadError (image_corrupt) for what is none."""
    if not stream.startswith(_START):
        raise corrupt("the frame is no JPEG stream")
    size: tuple[int, int, int] | None = None
    says_colour = has_profile = has_exif = False
    for marker, content in _segments(stream):
        if marker in _SOF and len(content) >= 6:
            rows, columns = (int.from_bytes(content[at : at + 2], "big") for at in (1, 3))
            size = columns, rows, content[5]
        says_colour |= (marker == 0xE0 and content.startswith(b"JFIF\0")) or (
            marker == 0xEE and content.startswith(b"Adobe")
        )
        has_profile |= marker == 0xE2 and content.startswith(_ICC)
        has_exif |= marker == 0xE1 and content.startswith(_EXIF)
    if size is None:
        raise corrupt("the JPEG stream names no size")
    return Frame(*size, says_colour, has_profile, has_exif)


def as_file(stream: bytes, frame: Frame, *, is_rgb: bool, profile: bytes | None) -> bytes:
    """Return the stream as a file: marked as RGB if only the object says so, with ICC profile.

    An Exif segment goes: DICOM knows no turned pictures, and a reader of files would turn it.
    """
    if frame.has_exif:
        stream = _without_exif(stream)
    segments = b""
    if is_rgb and not frame.says_colour:
        segments += _ADOBE_RGB
    if profile and not frame.has_profile:
        segments += _profile_segments(profile)
    end = stream.rfind(_END)
    whole = stream if end < 0 else stream[: end + len(_END)]  # less the byte that made it even
    return _START + segments + whole[2:] if segments else whole


def _without_exif(stream: bytes) -> bytes:
    kept = bytearray(_START)
    end = len(_START)
    for marker, content in _segments(stream):
        begin, end = end, end + 4 + len(content)
        if marker == _SOS:
            end = begin
            break
        if marker != 0xE1 or not content.startswith(_EXIF):
            kept += stream[begin:end]
    return bytes(kept) + stream[end:]


def _profile_segments(profile: bytes) -> bytes:
    parts = [profile[at : at + _ICC_PART] for at in range(0, len(profile), _ICC_PART)]
    if len(parts) > 255:
        return b""
    return b"".join(
        b"\xff\xe2"
        + (len(part) + 16).to_bytes(2, "big")
        + _ICC
        + bytes((number, len(parts)))
        + part
        for number, part in enumerate(parts, 1)
    )
