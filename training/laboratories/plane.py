"""A cell measured against itself: one grey plane that does not know lamp, stain or canvas.

Optical density of green, stretched so that the cell's own tenth and ninety-fifth percentile always
get the same two levels. All around it is white. A cell on black, on a white canvas and in a crowded
field then look alike, which they do not where density is measured against the field.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from training.cells.density import Rgb, densities, on_black
from training.laboratories.table import Bools, Crops

Plane = npt.NDArray[np.uint8]

PALE: Final = 191
DARK: Final = 63
"""Levels of the cell's tenth and ninety-fifth percentile of density."""
PERCENTILES: Final = (10, 95)
DARKEST, PALEST = 0, 231
"""A cell's levels are kept between these; 255 is outside."""
OUTSIDE: Final = 255

MIN_SPREAD: Final = 0.06
"""The two percentiles are taken to lie at least so far apart."""
MIN_CORE: Final = 50
"""Pixels that must be left of a cell without its rim; else the rim is measured as well."""

TARGET_BLUR: Final = 1.1
"""Every crop is blurred as if it had been taken through this, sigma in pixels of the crop."""
OWN_BLUR: Final = 0.56
"""What a camera's own pixel blurs, sigma in pixels of the file."""
MIN_BLUR: Final = 0.3

GREEN: Final = 1

_RIM = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
_DARK_RIM = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))


def planes(crops: Crops, scale: float) -> Plane:
    """Planes uint8 [n, side, side] of all crops, whose red cells are ``scale`` pixels wide."""
    found = np.empty(crops.own.shape, np.uint8)
    for row in range(len(crops)):
        found[row] = plane(
            crops.rgb[row],
            crops.own[row],
            crops.others[row],
            crops.background[row],
            blur(float(crops.red_cell[row]), scale),
        )
    return found


def blur(red_cell: float, scale: float) -> float:
    """Sigma that makes a file's crops as sharp as all others, in pixels of the crop."""
    own = OWN_BLUR * max(scale / red_cell, 0.0)
    return float(np.sqrt(max(TARGET_BLUR**2 - own**2, MIN_BLUR**2)))


def plane(
    rgb: Rgb, own: Bools, others: Bools, background: npt.NDArray[np.float32], sigma: float
) -> Plane:
    """The plane uint8 [side, side] of one crop.

    Args:
        rgb: uint8 [side, side, 3].
        own: where the cell is; others: where its neighbours are.
        background: level [3] of no density.
        sigma: of the blur.
    """
    mask: npt.NDArray[Any] = own.astype(np.uint8)
    if on_black(rgb):
        # The rim of a cell on black is mixed with the black.
        mask = cv2.erode(mask, _DARK_RIM, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
        around = mask
    else:
        around = cv2.dilate(mask, _RIM) * (1 - others.astype(np.uint8))
    # What lies around becomes background before the blur, or it would run into the cell.
    canvas = np.where(around[..., None] > 0, rgb, np.rint(background).astype(np.uint8))
    blurred = cv2.GaussianBlur(canvas, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    density = densities(np.asarray(blurred, np.uint8), background.astype(np.float64))[..., GREEN]
    core = cv2.erode(mask, _RIM, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    inside = core if np.count_nonzero(core) > MIN_CORE else mask
    values = density[inside > 0]
    if not len(values):
        return np.full(own.shape, OUTSIDE, np.uint8)
    low, high = np.percentile(values, PERCENTILES)
    share = (density - low) / max(high - low, MIN_SPREAD)
    levels = (PALE - (PALE - DARK) * share).clip(DARKEST, PALEST)
    seen = cv2.dilate(around, _RIM) > 0
    return np.asarray(np.where(seen, np.rint(levels), OUTSIDE), np.uint8)
