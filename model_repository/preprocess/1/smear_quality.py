"""Measures what a field is like: its sharpness, brightness, the colours of its stain, its cells."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from smear_cells import CELL_FIELDS, describe
from smear_frame import MASK_FROM, OUTSIDE, OUTSIDE_COUNT, SIDE, means
from smear_nuclei import Nuclei, find, otsu

__all__ = ["MASK_FROM", "QUALITY_FIELDS", "SIDE", "measure"]

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
    *CELL_FIELDS,
)

_LEVELS: Final = np.arange(256.0)


def measure(
    pixels: npt.NDArray[np.uint8], pages: int = 1, found: Nuclei | None = None
) -> npt.NDArray[np.float32]:
    """Measure the image: float32 [19] in the order of ``QUALITY_FIELDS``.

    pixels: uint8 [224, 224, 3] RGB; everything is measured outside the scale-bar corner.
    Grey is ITU-R BT.601 luma. Sharpness is the variance of the 4-neighbour Laplacian of the grey
    image, 0..255 scale (``pixels.decode`` puts 0 where a part of the image seems damaged);
    brightness and contrast are mean and standard deviation of grey / 255; clipped_dark and
    clipped_bright are the shares of pixels with grey <= 5 and >= 250. background_* is the mean
    RGB / 255 of pixels above the Otsu threshold of the green channel, cells_* of those at or below
    it; both are the whole mean where the green channel is flat. The rest is what
    ``smear_cells.describe`` says. ``found`` is ``smear_nuclei.find(pixels)`` where that is known.
    """
    found = found or find(pixels)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    (brightness,) = means([grey], OUTSIDE)
    squares = cv2.norm(grey, cv2.NORM_L2SQR, OUTSIDE.view(np.uint8)) / OUTSIDE_COUNT
    contrast = np.sqrt(max(0, squares - brightness**2))
    whole = found.light.levels @ _LEVELS / OUTSIDE_COUNT
    planes = found.light.planes
    bright = (planes[1] > otsu(found.light.levels[1])) & OUTSIDE
    part = _share(bright)
    background = means(planes, bright) if part else whole
    cells = (whole - part * background) / (1 - part) if part < 1 else whole
    return np.concatenate(
        [
            [pages, _sharpness(grey), brightness / 255, contrast / 255],
            [_share(grey <= 5), _share(grey >= 250)],
            background / 255,
            cells / 255,
            describe(found),
        ]
    ).astype(np.float32)


def _share(part: npt.NDArray[np.bool_]) -> float:
    """Return the share of the field outside of the bar corner."""
    return np.count_nonzero(part & OUTSIDE) / OUTSIDE_COUNT


def _sharpness(grey: npt.NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian, without the bar's pixels and their neighbours."""
    laplacian = cv2.Laplacian(grey, cv2.CV_16S, ksize=1)[1:-1, 1:-1]
    laplacian[MASK_FROM - 2 :, MASK_FROM - 2 :] = 0
    count = (SIDE - 2) ** 2 - (SIDE - MASK_FROM) ** 2
    squares = cv2.norm(laplacian, cv2.NORM_L2SQR)
    return squares / count - (cv2.sumElems(laplacian)[0] / count) ** 2
