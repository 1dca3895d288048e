"""From an encoded image file to the 224x224 pixels that the backbones see, and what they are like.

Pure functions: no Triton, no files, no state. Training and serving both call ``decode``, so the
pixels cannot differ between them. Only the standard library, numpy and Pillow are used.

Decisions, and why
- The whole image is squashed to 224x224, never cropped or padded: the training images are fields
  of a 4:3 camera squashed that way, and no part of a field may go unread.
- Images larger than needed are averaged down in strips right after decoding, so one more copy of a
  large image is never held; JPEG is decoded at a half, a quarter or an eighth of its size where the
  result still has at least ``DRAFT_SIDES`` times 224 pixels a side.
- An embedded ICC profile is applied (to sRGB): the same field saved in another colour space means
  the same colours. Without a profile the samples are taken as sRGB, as the training images are.
- 16-bit samples are scaled by the range of their type, never by the content of one image, so that
  two fields of one camera stay comparable. 32-bit samples have no agreed range and are refused,
  but for floating point between 0 and 1.
- Transparent parts show white, the colour of an empty slide.
- Of several pages or frames the first is read and all are counted.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

SIDE: Final = 224
"""Height and width of the result, in pixels."""

MASK_FROM: Final = 188
"""From this row and column on the pixels are grey: the training images carry a scale bar there
whose style tells the class (see ``BAR_GREY``)."""

BAR_GREY: Final = 128

MAX_PIXELS: Final = 150_000_000
"""Largest image that is decoded, in pixels; 600 MB in memory at four bytes a pixel."""

MAX_PAGES: Final = 10_000
"""Pages of a TIFF are counted up to here."""

MAX_JPEG_SCANS: Final = 200
"""A progressive JPEG has about ten scans; each costs a pass over the whole image."""

DRAFT_SIDES: Final = 4
GAP: Final = 4
"""Averaging stops at this many times 224; Lanczos does the rest."""

MAX_STRIPS: Final = 1_000_000
"""Strips or tiles of a TIFF; each costs memory before any pixel is decoded."""

STRIP_BYTES: Final = 64 * 1024 * 1024

QUALITY_FIELDS: Final = (
    "pages",
    "sharpness",
    "brightness",
    "contrast",
    "clipped_dark",
    "clipped_bright",
    "background_red",
    "background_green",
    "background_blue",
    "cells_red",
    "cells_green",
    "cells_blue",
)

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


class Decoded(NamedTuple):
    """One image, ready for the backbones."""

    pixels: npt.NDArray[np.uint8]
    """uint8 [224, 224, 3], RGB, upright, the scale-bar corner masked."""
    quality: npt.NDArray[np.float32]
    """float32 [12] in the order of ``QUALITY_FIELDS``; see ``measure``."""


def decode(data: bytes) -> Decoded:
    """Read one encoded file (JPEG, PNG, BMP, TIFF or WebP).

    Raises ImageError, and nothing else, when the bytes give no trustworthy picture.
    """
    kind = identify(data)
    try:
        image, pages = _open(kind, data)
        upright = _orient(_squash(image), image)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(TOO_LARGE, f"the server has no memory to decode this {kind}") from error
    except Exception as error:
        # Whatever a decoder trips over in a broken file concerns this file alone.
        _refuse(kind, data, error)
    pixels = upright.copy()
    pixels[MASK_FROM:, MASK_FROM:] = BAR_GREY
    return Decoded(pixels, measure(pixels, pages))


# -- which format ---------------------------------------------------------------------------------

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


# -- decoding -------------------------------------------------------------------------------------


def _open(kind: str, data: bytes) -> tuple[ImageFile.ImageFile, int]:
    """Read the header, refuse what is too large or cut short, then decode the first page."""
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
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiff(image, len(data))
    elif isinstance(image, JpegImagePlugin.JpegImageFile):
        if image.info.get("progressive") and data.count(b"\xff\xda") > MAX_JPEG_SCANS:
            raise ImageError(CORRUPT, f"the JPEG has more than {MAX_JPEG_SCANS} scans")
        image.draft(None, (DRAFT_SIDES * SIDE, DRAFT_SIDES * SIDE))
    image.load()
    return image, pages or int(getattr(image, "n_frames", 1))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            TOO_LARGE,
            f"the image has {width} x {height} pixels ({width * height / 1e6:,.0f} megapixels); "
            f"the limit is {MAX_PIXELS / 1e6:.0f} megapixels",
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
            raise ImageError(
                TRUNCATED, f"the PNG ends inside its {name.decode('ascii', 'replace')}"
            )
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
    _check_size(width, height)


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


def _refuse(kind: str, data: bytes, error: Exception) -> NoReturn:
    reason = str(error) or type(error).__name__
    if isinstance(error.__cause__ or error, IndexError | struct.error):
        raise ImageError(TRUNCATED, f"the {kind} ends inside its header") from error
    if "truncated" in reason.lower() or "not enough image data" in reason:
        raise ImageError(TRUNCATED, f"the {kind} ends before its last row") from error
    raise ImageError(CORRUPT, f"the {kind} cannot be decoded: {reason}") from error


# -- to 224x224 RGB -------------------------------------------------------------------------------


def _squash(image: ImageFile.ImageFile) -> npt.NDArray[np.uint8]:
    """The whole decoded image, antialiased, as uint8 [224, 224, 3] sRGB on white."""
    small = _reduce(image)
    if small.mode == "RGBa":
        samples = np.asarray(small)
        # Premultiplied by alpha: adding what is missing to full cover puts it on white.
        small = Image.fromarray(np.minimum(samples[..., :3] + (255 - samples[..., 3:]), 255))
    return np.asarray(_to_srgb(small, image.info.get("icc_profile")))


def _reduce(image: ImageFile.ImageFile) -> Image.Image:
    """Resample to 224x224 in a mode whose samples may be averaged: L, RGB, RGBa or CMYK."""
    width, height = image.size
    fx, fy = max(1, width // (GAP * SIDE)), max(1, height // (GAP * SIDE))
    if fx == fy == 1:
        small = _averageable(image, image)
    else:
        rows = max(1, STRIP_BYTES // (4 * width * fy)) * fy
        strips = [
            _averageable(image.crop((0, top, width, min(top + rows, height))), image).reduce(
                (fx, fy)
            )
            for top in range(0, height, rows)
        ]
        small = Image.new(strips[0].mode, (strips[0].width, sum(s.height for s in strips)))
        top = 0
        for strip in strips:
            small.paste(strip, (0, top))
            top += strip.height
    if small.size == (SIDE, SIDE):
        return small
    box = (0.0, 0.0, width / fx, height / fy)
    return small.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=box)


def _averageable(strip: Image.Image, image: ImageFile.ImageFile) -> Image.Image:
    """A part of the image in a mode whose 8-bit samples may be averaged."""
    mode = strip.mode
    if mode.startswith(("I", "F")):
        return Image.fromarray(_to_eight_bits(np.asarray(strip), image))
    if mode in ("RGB", "L", "CMYK") and "transparency" not in strip.info:
        return strip
    if strip.has_transparency_data:
        return strip.convert("RGBA").convert("RGBa")
    return strip.convert("L" if mode == "1" else "RGB")


def _to_eight_bits(
    samples: npt.NDArray[np.generic], image: ImageFile.ImageFile
) -> npt.NDArray[np.uint8]:
    """Grey samples [h, w] of more than 8 bits, scaled by the range of their type."""
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    bits = int(tags.get(258, (16,))[0])
    if samples.dtype.kind == "f":
        if not (samples.min() >= 0 and samples.max() <= 1):  # also false for NaN
            raise ImageError(
                UNSUPPORTED,
                "floating-point samples outside 0 to 1 have no agreed range; save 8 or 16 bits",
            )
        top = 1.0
    elif bits > 16:
        raise ImageError(
            UNSUPPORTED, "32-bit samples have no agreed range; save the image with 8 or 16 bits"
        )
    else:
        signed = tags.get(339, (1,))[0] == 2
        top = float(2 ** (bits - signed) - 1)
    grey = np.clip(np.rint(samples.astype(np.float32) * np.float32(255 / top)), 0, 255)
    if tags.get(262) == 0:  # white is zero; Pillow turns only up to 8 bits round
        grey = 255 - grey
    return grey.astype(np.uint8)


def _to_srgb(image: Image.Image, profile: object) -> Image.Image:
    """L, RGB or CMYK to sRGB, by the embedded ICC profile where there is a usable one."""
    if isinstance(profile, bytes) and profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = source.profile.xcolor_space.strip()
            if space == {"L": "GRAY"}.get(image.mode, image.mode):
                converted = ImageCms.profileToProfile(
                    image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
                )
                assert converted is not None  # only None when done in place
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # An unreadable profile says nothing: the samples count as sRGB.
    return image.convert("RGB")


_TURNS: Final = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


def _orient(pixels: npt.NDArray[np.uint8], image: ImageFile.ImageFile) -> npt.NDArray[np.uint8]:
    """Turn upright by the EXIF orientation. After the squash, where it costs nothing."""
    try:
        # Pillow has already turned a TIFF and taken the tag away.
        turn = _TURNS.get(image.getexif().get(0x0112, 1))
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return pixels  # Unreadable EXIF: the pixels are whole, their orientation stays as stored.
    return turn(pixels) if turn else pixels


# -- quality --------------------------------------------------------------------------------------


def measure(pixels: npt.NDArray[np.uint8], pages: int = 1) -> npt.NDArray[np.float32]:
    """What the image is like, float32 [12] in the order of ``QUALITY_FIELDS``.

    pixels: uint8 [224, 224, 3] RGB; everything is measured outside the scale-bar corner.
    Grey is ITU-R BT.601 luma. Sharpness is the variance of the 4-neighbour Laplacian of the grey
    image, 0..255 scale; brightness and contrast are mean and standard deviation of grey / 255;
    clipped_dark and clipped_bright are the shares of pixels with grey <= 5 and >= 250. background_*
    is the mean RGB / 255 of pixels above the Otsu threshold of the green channel, cells_* of those
    at or below it; both are the whole mean where the green channel is flat.
    """
    grey = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.int16)
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    laplacian -= 4 * grey[1:-1, 1:-1]
    edges = _outside_bar(laplacian, MASK_FROM - 2)
    levels = np.bincount(_outside_bar(grey, MASK_FROM), minlength=256)
    share = levels / levels.sum()
    scale = np.arange(256) / 255
    brightness = float(share @ scale)
    contrast = float(np.sqrt(share @ (scale - brightness) ** 2))
    colours = _outside_bar(pixels, MASK_FROM)
    above = colours[:, 1] > otsu(np.bincount(colours[:, 1], minlength=256))
    whole = colours.sum(axis=0, dtype=np.int64)
    bright = np.array([channel[above].sum(dtype=np.int64) for channel in colours.T])
    count = int(np.count_nonzero(above))
    rest = len(colours) - count
    background = bright / count if count else whole / len(colours)
    cells = (whole - bright) / rest if rest else whole / len(colours)
    return np.concatenate(
        [
            [pages, edges.astype(np.float32).var(), brightness, contrast],
            [share[:6].sum(), share[250:].sum()],
            background / 255,
            cells / 255,
        ]
    ).astype(np.float32)


def _outside_bar(values: npt.NDArray[np.generic], corner: int) -> npt.NDArray[np.generic]:
    """All positions but the lower right corner that starts at [corner, corner], as one axis."""
    tail = values.shape[2:]
    left = values[corner:, :corner].reshape(-1, *tail)
    return np.concatenate([values[:corner].reshape(-1, *tail), left])


def otsu(histogram: npt.NDArray[np.integer]) -> int:
    """The level that parts a histogram [256] best: values at or below it form the dark class."""
    levels = np.arange(len(histogram))
    below = np.cumsum(histogram, dtype=np.float64)
    weighted = np.cumsum(histogram * levels, dtype=np.float64)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = weighted / below - (weighted[-1] - weighted) / above
        between = below * above * apart**2
    return int(np.argmax(np.nan_to_num(between, nan=0.0, posinf=0.0)))
