"""Reads a field's file as a picture to show: upright, RGB, and no larger than wanted."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from allclient.client.reading import read_image
from allclient.contract import ImageErrorCode
from allclient.errors import ImageReadError

_FORMATS: Final = ("JPEG", "PNG", "BMP", "DIB", "TIFF", "WEBP")
_ORIENTATION: Final = 274
_SIDEWAYS: Final = 5
"""From this EXIF orientation on, width and height change places."""

_DEEP: Final = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_BYTE: Final = 255


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height as the file stores them, and its EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int


@dataclass(frozen=True, slots=True)
class Picture:
    """``image`` shows the whole field; ``width`` and ``height`` are the upright file's own."""

    image: Image.Image
    width: int
    height: int


def load(path: str, side: int) -> Picture:
    """Return the picture of a file, its longer side about ``side`` pixels or as long as it is.

    Raises:
        ImageReadError: the file has gone, or is of a kind that can be read for its answer but not
            be shown.
    """
    with _opened(read_image(path, pipes=False)) as image:
        size = _size(image)
        image.draft("RGB", (side, side))  # a large JPEG is decoded small
        shown = _rgb(ImageOps.exif_transpose(image))
    shown.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    width, height = size.width, size.height
    if size.orientation >= _SIDEWAYS:
        width, height = height, width
    return Picture(shown, width, height)


def size_of(path: str) -> Size:
    """Return width, height and orientation, from the file's head.

    Raises:
        ImageReadError: as of ``load``.
    """
    return size_in(read_image(path, pipes=False))


def size_in(data: bytes) -> Size:
    """Return width, height and orientation of an encoded image, from its head.

    Raises:
        ImageReadError: as of ``load``.
    """
    with _opened(data) as image:
        return _size(image)


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open an image in Pillow; whatever that raises, then and later, is an ImageReadError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large picture is what the server allows
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                yield image
    except Exception as error:
        raise _not_shown(error) from error


def _not_shown(error: Exception) -> ImageReadError:
    return ImageReadError(
        f"it cannot be shown here ({type(error).__name__})", code=ImageErrorCode.UNSUPPORTED.value
    )


def _size(image: Image.Image) -> Size:
    orientation = image.getexif().get(_ORIENTATION, 1)
    known = orientation if orientation in range(1, 9) else 1
    return Size(image.width, image.height, known)


def _rgb(image: Image.Image) -> Image.Image:
    """Return eight bits a colour; what is transparent is white, as the server has it."""
    if image.mode in _DEEP:
        values = np.asarray(image, np.float32)
        top = max(float(values.max()), 1.0)
        return Image.fromarray((values.clip(0) / top * _BYTE).astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, (_BYTE, _BYTE, _BYTE, _BYTE))
        return Image.alpha_composite(white, seen).convert("RGB")
    return image.convert("RGB")
