"""From an encoded image file to what the backbones see of it, and what the field is like.

Pure functions: no Triton, no files, no state. Training and serving both call ``decode``, so the
pixels cannot differ between them. Only the standard library, numpy and Pillow are used.

Decisions, and why
- The whole image is squashed to 224x224, never cropped or padded: the training images are fields
  of a 4:3 camera squashed that way (their red cells are 0.77 times as wide as high), and no part of
  a field may go unread.
- Images larger than needed are averaged down in strips right after decoding, so one more copy of a
  large image is never held; JPEG is decoded at a half, a quarter or an eighth of its size where the
  result still has at least ``GAP`` times 224 pixels a side.
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
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import smear_nuclei
from PIL import Image, ImageCms, ImageFile, TiffImagePlugin
from smear_density import MASKED, render
from smear_file import MAX_PIXELS, UNSUPPORTED, FirstPage, ImageError, identify, read, refusal
from smear_frame import MASK_FROM, SIDE
from smear_quality import measure

__all__ = [
    "MASKED",
    "MASK_FROM",
    "MAX_PIXELS",
    "SIDE",
    "Decoded",
    "Field",
    "ImageError",
    "decode",
    "field",
    "render",
    "rgb",
]

GAP: Final = 3
"""Decoding at a part of the size and averaging stop at this many times 224; Lanczos does the rest.
Measured against a full decode and Lanczos alone: mean difference 0.26 grey levels at most, no pixel
more than 3, at a quarter of the time (``pytest tests/unit/repository/test_scale.py``)."""

STRIP_BYTES: Final = 64 * 1024 * 1024


class Decoded(NamedTuple):
    """One image, ready for the backbones."""

    pixels: npt.NDArray[np.uint8]
    """uint8 [224, 224, 3], the field as ``smear_density.render`` shows it."""
    quality: npt.NDArray[np.float32]
    """float32 [18] in the order of ``smear_quality.QUALITY_FIELDS``."""


class Field(NamedTuple):
    """One field in its colours."""

    rgb: npt.NDArray[np.uint8]
    """uint8 [224, 224, 3], upright, the scale-bar corner masked."""
    pages: int
    """How many pages or frames the file has; the field is the first."""


def decode(data: bytes) -> Decoded:
    """Read one encoded file (JPEG, PNG, BMP, TIFF or WebP) for the backbones.

    Raises ImageError, and nothing else, when the bytes give no trustworthy picture.
    """
    seen = field(data)
    found = smear_nuclei.find(seen.rgb)
    return Decoded(render(seen.rgb, found.mask, found.levels), measure(seen.rgb, seen.pages, found))


def rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """The field in its colours, uint8 [224, 224, 3]; raises as ``decode`` does."""
    return field(data).rgb


def field(data: bytes) -> Field:
    """The field in its colours, and how many pages the file has; raises as ``decode`` does."""
    kind = identify(data)
    try:
        page = read(data, kind, side=GAP * SIDE)
        upright = _orient(_squash(page), page.image)
    except ImageError:
        raise
    except Exception as error:
        # Whatever a decoder trips over in a broken file concerns this file alone.
        raise refusal(kind, error) from error
    colours = upright.copy()
    colours[MASK_FROM:, MASK_FROM:] = MASKED
    return Field(colours, page.pages)


def _squash(page: FirstPage) -> npt.NDArray[np.uint8]:
    """The whole decoded image, antialiased, as uint8 [224, 224, 3] sRGB on white."""
    small = _reduce(page)
    if small.mode == "RGBa":
        samples = np.asarray(small).astype(np.int16)
        # Premultiplied by alpha: adding what is missing to full cover puts it on white.
        on_white = samples[..., :3] + (255 - samples[..., 3:])
        small = Image.fromarray(np.minimum(on_white, 255).astype(np.uint8))
    return np.asarray(_to_srgb(small, page.image.info.get("icc_profile")))


def _reduce(page: FirstPage) -> Image.Image:
    """Resample to 224x224 in a mode whose samples may be averaged: L, RGB, RGBa or CMYK."""
    image = page.image
    width, height = image.size
    fx, fy = max(1, width // (GAP * SIDE)), max(1, height // (GAP * SIDE))
    if fx == fy == 1:
        small = _averageable(image, image)
    else:
        rows = max(1, STRIP_BYTES // (4 * width * fy)) * fy
        small = Image.new("1", (0, 0))
        for top in range(0, height, rows):
            strip = image.crop((0, top, width, min(top + rows, height)))
            strip = _averageable(strip, image).reduce((fx, fy))
            if top == 0:
                small = Image.new(strip.mode, (strip.width, -(-height // fy)))
            small.paste(strip, (0, top // fy))
    if small.size == (SIDE, SIDE):
        return small
    box = (0.0, 0.0, page.extent[0] / fx, page.extent[1] / fy)
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
