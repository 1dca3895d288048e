"""From an encoded image file to what the backbones see of it, and what the field is like.

Pure functions: no Triton, no files, no state. Training and serving both call ``decode``, so the
pixels cannot differ between them. Used are the standard library, numpy, Pillow, simplejpeg
(libjpeg-turbo), tifffile and imagecodecs (libpng, and what unpacks TIFF).

Decisions, and why
- The whole image is squashed to 224x224, never cropped or padded: the training images are fields
  of a 4:3 camera squashed that way (their red cells are 0.77 times as wide as high), and no part of
  a field may go unread.
- Images larger than needed are averaged down in strips right after decoding, so one more copy of a
  large image is never held; JPEG is decoded at a half, a quarter or an eighth of its size where the
  result still has at least ``GAP`` times 224 pixels a side.
- An embedded ICC profile is applied (to sRGB): the same field saved in another colour space means
  the same colours. Without a profile the samples are taken as sRGB, as the training images are.
- 16-bit samples are scaled by the range of their type, or by 10 to 15 bits where a tag says that
  the type has no more, never by the content of one image, so that two fields of one camera stay
  comparable. 32-bit samples have no agreed range and are refused,
  but for grey floating point between 0 and 1. Floating-point colours are refused, too.
- Transparent parts show white, the colour of an empty slide.
- Of several pages or frames the first is read and all are counted.
- Damage is refused. Where it cannot be told for certain (a band of one colour at an edge, a block
  of zeros in plain samples) the picture is answered with a sharpness of 0, which no field has, so
  that the vote asks for review because of poor quality.
"""

from __future__ import annotations

import io
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import smear_nuclei
from PIL import Image, ImageCms
from smear_damage import filled, torn
from smear_density import MASKED, render
from smear_error import MAX_PIXELS, ImageError, refusal
from smear_file import identify, read
from smear_frame import MASK_FROM, SIDE
from smear_page import FirstPage
from smear_quality import QUALITY_FIELDS, measure

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
    nuclei: npt.NDArray[np.bool_]
    """bool [224, 224], where the nuclei of leukocytes are."""


class Field(NamedTuple):
    """One field in its colours."""

    rgb: npt.NDArray[np.uint8]
    """uint8 [224, 224, 3], upright, the scale-bar corner masked."""
    pages: int
    """How many pages or frames the file has; the field is the first."""
    suspect: bool = False
    """Whether a part of it seems to be overwritten or filled in, which cannot be told for sure."""


def decode(data: bytes) -> Decoded:
    """Read one encoded file (JPEG, PNG, BMP, TIFF or WebP) for the backbones.

    Raises ImageError, and nothing else, when the bytes give no trustworthy picture.
    """
    seen = field(data)
    found = smear_nuclei.find(seen.rgb)
    quality = measure(seen.rgb, seen.pages, found)
    if seen.suspect:
        quality[QUALITY_FIELDS.index("sharpness")] = 0
    return Decoded(render(seen.rgb, found.mask, found.levels), quality, found.mask)


def rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """The field in its colours, uint8 [224, 224, 3]; raises as ``decode`` does."""
    return field(data).rgb


def field(data: bytes) -> Field:
    """The field in its colours, and how many pages the file has; raises as ``decode`` does."""
    kind = identify(data)
    try:
        page = read(data, kind, side=GAP * SIDE)
        stored = _squash(page)
    except Exception as error:
        # Whatever a decoder trips over in a broken file concerns this file alone.
        raise refusal(kind, error) from error
    turn = _TURNS.get(page.orientation)
    colours = (turn(stored) if turn else stored).copy()
    suspect = page.suspect or filled(colours) or (page.unchecked and torn(colours))
    colours[MASK_FROM:, MASK_FROM:] = MASKED
    return Field(colours, page.pages, suspect)


def _squash(page: FirstPage) -> npt.NDArray[np.uint8]:
    """The whole decoded image, antialiased, as uint8 [224, 224, 3] sRGB on white."""
    if page.image.rgb is not None and page.image.size == (SIDE, SIDE) and not page.profile:
        return page.image.rgb
    small = _reduce(page)
    if small.mode == "RGBa":
        samples = np.asarray(small).astype(np.int16)
        # Premultiplied by alpha: adding what is missing to full cover puts it on white.
        on_white = samples[..., :3] + (255 - samples[..., 3:])
        small = Image.fromarray(np.minimum(on_white, 255).astype(np.uint8))
    return np.asarray(_to_srgb(small, page.profile))


def _reduce(page: FirstPage) -> Image.Image:
    """Resample to 224x224 in a mode whose samples may be averaged: L, RGB, RGBa or CMYK."""
    width, height = page.image.size
    fx, fy = max(1, width // (GAP * SIDE)), max(1, height // (GAP * SIDE))
    rows = max(1, STRIP_BYTES // (4 * width * fy)) * fy
    small = Image.new("1", (0, 0))
    top = 0
    for band in page.image.bands(rows):
        part = band if fx == fy == 1 else band.reduce((fx, fy))
        if top == 0:
            if part.height * fy >= height:
                small = part
                break
            small = Image.new(part.mode, (part.width, -(-height // fy)))
        small.paste(part, (0, top))
        top += part.height
    if small.size == (SIDE, SIDE):
        return small
    box = (0.0, 0.0, page.extent[0] / fx, page.extent[1] / fy)
    return small.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=box)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """L, RGB or CMYK to sRGB, by the embedded ICC profile where there is a usable one."""
    if profile:
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
    return image if image.mode == "RGB" else image.convert("RGB")


_TURNS: Final = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}
