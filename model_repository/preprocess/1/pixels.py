"""Decodes an image file into what the backbones see of it, and what the field is like.

Pure functions: no Triton, no files, no state. Training and serving both call ``decode``, so the
pixels cannot differ between them. Used are the standard library, numpy, Pillow, OpenCV, simplejpeg
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

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import smear_nuclei
from smear_damage import filled, torn
from smear_density import MASKED, render, show
from smear_error import MAX_PIXELS, ImageError, refusal
from smear_file import identify, read
from smear_frame import MASK_FROM, SIDE
from smear_quality import QUALITY_FIELDS, measure
from smear_squash import GAP, squash

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


class Decoded(NamedTuple):
    """One image, ready for the backbones."""

    pixels: npt.NDArray[np.uint8]
    """uint8 [224, 224, 3], the field as ``smear_density.render`` shows it."""
    quality: npt.NDArray[np.float32]
    """float32 [19] in the order of ``smear_quality.QUALITY_FIELDS``."""
    nuclei: npt.NDArray[np.bool_]
    """bool [224, 224], where the nuclei of leukocytes are."""
    um_per_pixel: float = 0.0
    """The size of a pixel of the file in micrometres, if the file says it; else 0."""


class Field(NamedTuple):
    """One field in its colours."""

    rgb: npt.NDArray[np.uint8]
    """uint8 [224, 224, 3], upright, the scale-bar corner masked."""
    pages: int
    """How many pages or frames the file has; the field is the first."""
    suspect: bool = False
    """Whether a part of it seems to be overwritten or filled in, which cannot be told for sure."""
    um_per_pixel: float = 0.0
    """Micrometres a pixel, the same as in ``Decoded``; 0 where nobody says."""


def decode(data: bytes) -> Decoded:
    """Read one encoded file (JPEG, PNG, BMP, TIFF or WebP) for the backbones.

    Raises ImageError, and nothing else, when the bytes give no trustworthy picture.
    """
    seen = field(data)
    nuclei = smear_nuclei.find(seen.rgb)
    quality = measure(seen.rgb, seen.pages, nuclei)
    if seen.suspect:
        quality[QUALITY_FIELDS.index("sharpness")] = 0
    pixels = show(nuclei.light, nuclei.around)
    return Decoded(pixels, quality, nuclei.mask, seen.um_per_pixel)


def rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """Return the field in its colours, uint8 [224, 224, 3]; raise as ``decode`` does."""
    return field(data).rgb


def field(data: bytes) -> Field:
    """Return the field in its colours, and its number of pages; raise as ``decode`` does."""
    kind = identify(data)
    try:
        page = read(data, kind, side=GAP * SIDE)
        stored = squash(page)
    except Exception as error:
        # Whatever a decoder trips over in a broken file concerns this file alone.
        raise refusal(kind, error) from error
    turn = _TURNS.get(page.orientation)
    colours = (turn(stored) if turn else stored).copy()
    suspect = page.suspect or filled(colours) or (page.unchecked and torn(colours))
    colours[MASK_FROM:, MASK_FROM:] = MASKED
    return Field(colours, page.pages, suspect, page.um_per_pixel)


_TURNS: Final = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}
