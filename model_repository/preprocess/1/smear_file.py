"""Encoded image files: which format they have, whether they are whole, and their first page.

The bytes come from anywhere. What is too large is refused by its header; what is cut short is
refused although many decoders would fill in the missing part; everything is bounded.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from PIL import (
    BmpImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

MAX_PIXELS: Final = 150_000_000
"""Largest image that is decoded, in pixels. Measured at this size: a process grows to 0.9 GB at
most, to 1.2 GB for a TIFF that has to be turned."""

MAX_WEBP_PIXELS: Final = 60_000_000
"""The WebP decoder holds four copies of an image; so this is 1 GB too."""

MAX_PAGES: Final = 10_000
"""Pages of a TIFF are counted up to here."""

MAX_JPEG_SCANS: Final = 200
"""A progressive JPEG has about ten scans; each costs a pass over the whole image."""

MAX_STRIPS: Final = 1_000_000
"""Strips or tiles of a TIFF; each costs memory before any pixel is decoded."""

EMPTY: Final = "image_empty"
UNSUPPORTED: Final = "image_unsupported"
TRUNCATED: Final = "image_truncated"
CORRUPT: Final = "image_corrupt"
TOO_LARGE: Final = "image_too_large"

ACCEPTED: Final = "JPEG, PNG, BMP, TIFF or WebP"

# What Pillow warns about is either refused below or concerns metadata that is not used here.
warnings.filterwarnings("ignore", module=r"PIL\.")


class ImageError(ValueError):
    """One image that has no answer.

    ``code`` is a value of ``allclient.contract.ImageErrorCode``; ``str()`` is a sentence for people
    which never holds anything of the image's content.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
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
    (128, b"DICM", "a DICOM object"),
    (4, b"jP  \r\n", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (4, b"JXL \r\n", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (4, b"ftypavi", "an AVIF image"),
    (4, b"ftyphei", "a HEIC image"),
    (4, b"ftypmif1", "a HEIC image"),
    (4, b"ftyp", "a video"),
    (0, b"RIFF", "a RIFF file without a WebP image"),
    (0, b"ZISRAWFILE", "a Zeiss CZI file"),
    (0, b"\xda\xce\xbe\x0a", "a Nikon ND2 file"),
    (0, b"\x89HDF\r\n", "an HDF5 file"),
    (0, b"\0\0\x01\0", "an icon file"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
)

_CONTROLS: Final = frozenset({*range(9), *range(14, 32)})
"""Bytes that text has no use for."""


def identify(data: bytes) -> str:
    """Name the format by the file's first bytes: "JPEG", "PNG", "BMP", "TIFF" or "WebP".

    Raises ImageError (image_empty, image_unsupported) for anything else, naming what it is where
    that can be told.
    """
    if not data:
        raise ImageError(EMPTY, "the file holds no bytes")
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    for offset, signature, name in _OTHERS:
        if data.startswith(signature, offset):
            raise ImageError(UNSUPPORTED, f"this is {name}; send {ACCEPTED}")
    is_text = _CONTROLS.isdisjoint(data[:512])
    name = "this is text" if is_text else "no image format was recognised"
    raise ImageError(UNSUPPORTED, f"{name}; send {ACCEPTED}")


class FirstPage(NamedTuple):
    """The decoded first page of a file."""

    image: ImageFile.ImageFile
    pages: int
    """How many pages or frames the file has."""
    extent: tuple[float, float]
    """Width and height of the picture in pixels of ``image``: a little less than its size where a
    JPEG was read at a part of a size that this part does not divide."""


def read(data: bytes, kind: str, *, side: int) -> FirstPage:
    """Decode the first page of a file that ``identify`` named.

    A JPEG may come at a half, a quarter or an eighth of its size, as long as both its sides keep
    ``side`` pixels. Raises ImageError for what is too large (by its header, before any pixel is
    decoded) or cut short, and whatever the decoder raises for a broken file: see ``refusal``.
    """
    if kind == "PNG":
        _check_png_chunks(data)
    elif kind == "WebP":
        _check_webp_header(data)
    pages = _count_tiff_pages(data) if kind == "TIFF" else 0
    # The plugins are called directly: Image.open would hide a broken file's reason.
    file = io.BytesIO(data)
    image: ImageFile.ImageFile
    if kind == "JPEG":
        image = JpegImagePlugin.jpeg_factory(file)  # also MPO, several JPEGs in one file
    elif kind == "PNG":
        image = PngImagePlugin.PngImageFile(file)
    elif kind == "BMP":
        image = BmpImagePlugin.BmpImageFile(file)
    elif kind == "TIFF":
        image = TiffImagePlugin.TiffImageFile(file)
    else:
        image = WebPImagePlugin.WebPImageFile(file)
    _check_size(*image.size)
    drafted = None
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiff(image, len(data))
    elif isinstance(image, JpegImagePlugin.JpegImageFile):
        if image.info.get("progressive") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
            raise ImageError(CORRUPT, f"the JPEG has more than {MAX_JPEG_SCANS} scans")
        drafted = image.draft(None, (side, side))
    image.load()
    extent = drafted[1][2:] if drafted else image.size
    return FirstPage(image, pages or int(getattr(image, "n_frames", 1)), extent)


def _check_size(width: int, height: int, limit: int = MAX_PIXELS) -> None:
    if width * height > limit:
        raise ImageError(
            TOO_LARGE,
            f"the image has {width} x {height} pixels ({width * height / 1e6:,.0f} megapixels); "
            f"the limit is {limit / 1e6:.0f} megapixels",
        )


def _check_png_chunks(data: bytes) -> None:
    """Size, completeness and checksums; Pillow does not check those of the pixel data."""
    if len(data) < 33:
        raise ImageError(TRUNCATED, "the PNG ends inside its header")
    if data[12:16] == b"IHDR":
        _check_size(*struct.unpack_from(">II", data, 16))
    view, at, name = memoryview(data), 8, b""
    while name != b"IEND":
        if at + 12 > len(data):
            raise ImageError(TRUNCATED, "the PNG ends before its last chunk")
        (length,), name = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise ImageError(TRUNCATED, "the PNG ends inside a chunk")
        if zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ImageError(CORRUPT, "the PNG is damaged: the checksum of a chunk does not fit")
        at = end


def _check_webp_header(data: bytes) -> None:
    """Size and completeness, before the decoder sets up its canvas."""
    if len(data) < 25 or struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise ImageError(TRUNCATED, "the WebP ends before its last chunk")
    if data[12:16] == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
    _check_size(width, height, MAX_WEBP_PIXELS)


def _count_tiff_pages(data: bytes) -> int:
    """Count the directories, without reduced copies of the picture (pyramids, thumbnails).

    A chain that runs into itself or out of the file ends there; a first directory that points out
    of the file means that the file was cut.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    number, entry, word = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    seen: set[int] = set()
    copies = 0
    try:
        (at,) = struct.unpack_from(order + word, data, 8 if big else 4)
        while at and at not in seen and len(seen) < MAX_PAGES:
            (count,) = struct.unpack_from(order + number, data, at)
            table = at + struct.calcsize(order + number)
            end = table + count * struct.calcsize(order + entry)
            (following,) = struct.unpack_from(order + word, data, end)
            if not seen:
                entries = struct.iter_unpack(order + entry, data[table:end])
                _check_tiff_directory(entries, len(data), inline=8 if big else 4)
            # NewSubfileType is the first tag where it stands; its LONG is left-justified.
            tag, _, _, value = struct.unpack_from(f"{order}{entry[:3]}I", data, table)
            copies += bool(seen) and tag == 254 and value & 1
            seen.add(at)
            at = following
    except struct.error:
        if not seen:
            raise ImageError(TRUNCATED, "the TIFF ends before its first directory") from None
    return len(seen) - copies


_TIFF_SIZES: Final = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TIFF_NEEDED: Final = frozenset({258, 273, 279, 320, 324, 325, 338, 339, 347, 530})
"""Tags without which the pixels cannot be read."""


def _check_tiff_directory(entries: Iterable[tuple[Any, ...]], length: int, inline: int) -> None:
    """The first directory's values must lie in the file; up to ``inline`` bytes lie in it."""
    for tag, kind, count, at in entries:
        if tag not in _TIFF_NEEDED:
            continue
        if count > MAX_STRIPS:
            raise ImageError(CORRUPT, f"the TIFF claims {count:,} values in tag {tag}")
        size = count * _TIFF_SIZES.get(kind, 1)
        if size > inline and at + size > length:
            raise ImageError(TRUNCATED, "the TIFF ends inside its first directory")


def _check_tiff(image: TiffImagePlugin.TiffImageFile, length: int) -> None:
    """Strips that lie in the file and tiles of a sane size; libtiff fills in what is missing."""
    tags = image.tag_v2
    if tags.get(262) == 6 and tags.get(259, 1) == 1:  # Pillow would take the samples for RGBX
        raise ImageError(UNSUPPORTED, "this TIFF holds uncompressed YCbCr; save it as RGB")
    if 322 in tags and 323 in tags:
        _check_size(int(tags[322]), int(tags[323]))
    for offsets, counts in ((273, 279), (324, 325)):
        if offsets in tags and counts in tags and tags.get(259, 1) != 1:
            ends = (at + count for at, count in zip(tags[offsets], tags[counts], strict=False))
            if max(ends, default=0) > length:
                raise ImageError(TRUNCATED, "the TIFF ends before its last row")


def refusal(kind: str, error: Exception) -> ImageError:
    """What to say of a file over which the decoder raised ``error``."""
    reason = str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        return ImageError(TOO_LARGE, f"the server has no memory to decode this {kind}")
    if isinstance(error.__cause__ or error, IndexError | struct.error):
        return ImageError(TRUNCATED, f"the {kind} ends inside its header")
    if "truncated" in reason.lower() or "not enough image data" in reason:
        return ImageError(TRUNCATED, f"the {kind} ends before its last row")
    return ImageError(CORRUPT, f"the {kind} cannot be decoded: {reason}")
