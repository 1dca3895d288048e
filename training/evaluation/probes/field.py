"""Reads fields as arrays, and writes them as files that the served decoder reads."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from allclient.contract import SIDE

Rgb = npt.NDArray[np.uint8]
"""uint8 [224, 224, 3], upright, with whatever scale bar it was shot with."""


def read(data: bytes) -> Rgb:
    """Return the field in a file, squashed as the server does.

    A file of 224 pixels keeps its pixels.
    """
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    if upright.size != (SIDE, SIDE):
        upright = upright.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(upright)


def png(field: Rgb) -> bytes:
    """Return the field as a PNG file."""
    return _encode(field, "PNG", compress_level=1)


def jpeg(field: Rgb, quality: int) -> bytes:
    """Return the field as a JPEG file of a quality from 1 to 100."""
    return _encode(field, "JPEG", quality=quality)


def _encode(field: Rgb, format: str, **options: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(field).save(file, format, **options)
    return file.getvalue()


def to_bytes(values: npt.ArrayLike) -> Rgb:
    """Round values on the scale 0..255, and cut them off there."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
