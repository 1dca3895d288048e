"""Reads what metadata say of a picture: its orientation, its colour profile, and how many."""

from __future__ import annotations

import struct
from typing import NamedTuple

from PIL import Image

_THUMBNAILS = (0x010001, 0x010002)


class Metadata(NamedTuple):
    """The metadata of one picture; what cannot be read says nothing."""

    orientation: int = 1
    profile: bytes | None = None
    pages: int = 1

    @classmethod
    def of_jpeg(cls, data: bytes, segments: list[tuple[int, int, int]]) -> Metadata:
        """Read the metadata of a JPEG.

        Each of ``segments`` has the marker, start and end of a segment before the first scan.
        """
        exif, xmp, index = b"", b"", b""
        icc: list[bytes] = []
        for marker, start, end in segments:
            if marker == 0xE1 and data.startswith(b"Exif\0\0", start):
                exif += data[start + (6 if exif else 0) : end]
            elif marker == 0xE1 and data.startswith(b"http://ns.adobe.com/xap/1.0/\0", start):
                xmp = data[start + 29 : end]
            elif marker == 0xE2 and data.startswith(b"ICC_PROFILE\0", start):
                icc.append(data[start:end])
            elif marker == 0xE2 and data.startswith(b"MPF\0", start):
                index = data[start + 4 : end]
        icc.sort()
        whole = icc and len(icc[0]) > 13 and icc[0][13] == len(icc)
        return cls(
            orientation=orientation(exif, xmp),
            profile=b"".join(part[14:] for part in icc) if whole else None,
            pages=1 if b'hdrgm:Version="' in xmp else _pictures(index),
        )


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """Return the orientation, 1 to 8; 1 if nothing says anything that can be read."""
    if not exif and not xmp:
        return 1
    image = Image.new("1", (1, 1))
    if exif:
        image.info["exif"] = exif
    if xmp:
        image.info["xmp"] = xmp
    return of_image(image)


def of_image(image: Image.Image) -> int:
    """Return the metadata of an image that Pillow opened."""
    try:
        turn = image.getexif().get(0x0112, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _pictures(index: bytes) -> int:
    """Return how many pictures the index of a multi-picture file names, without larger previews."""
    if len(index) < 8:
        return 1
    order = ">" if index[:2] == b"MM" else "<"
    try:
        (at,) = struct.unpack_from(order + "I", index, 4)
        (count,) = struct.unpack_from(order + "H", index, at)
        for place in range(at + 2, at + 2 + 12 * count, 12):
            tag, _, size, value = struct.unpack_from(order + "HHII", index, place)
            if tag == 0xB002:
                kinds = struct.unpack_from(f"{order}{size // 4}I", index, value)[::4]
                return max(1, sum(kind & 0xFFFFFF not in _THUMBNAILS for kind in kinds))
    except struct.error:
        pass
    return 1
