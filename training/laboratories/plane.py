"""A cell measured against itself: one grey plane that does not know lamp, stain or canvas.

Optical density of green, stretched so that the cell's own tenth and ninety-fifth percentile always
get the same two levels. All around it is white. A cell on black, on a white canvas and in a crowded
field then look alike, which they do not where density is measured against the field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from training.cells.density import Floats, Rgb, densities, on_black
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


@dataclass(frozen=True)
class Seen:
    """One cell, as sharp as all others."""

    density: Floats
    """Optical density of green, [side, side]."""
    level: Floats
    """The same between 0 and 1: the cell's tenth and its ninety-fifth percentile."""
    around: npt.NDArray[np.uint8]
    """1 where the cell and its rim are, [side, side]."""

    @property
    def plane(self) -> Plane:
        """What a backbone is shown, uint8 [side, side]: white around, dark where it is dense."""
        levels = (PALE - (PALE - DARK) * self.level).clip(DARKEST, PALEST)
        shown = cv2.dilate(self.around, _RIM) > 0
        return np.asarray(np.where(shown, np.rint(levels), OUTSIDE), np.uint8)


def every(crops: Crops, scale: float) -> Iterator[Seen]:
    """Yield all cells in turn; red cells are ``scale`` pixels wide in the crops."""
    for row in range(len(crops)):
        yield see(
            crops.rgb[row],
            crops.own[row],
            crops.others[row],
            crops.background[row],
            blur(float(crops.red_cell[row]), scale),
        )


def blur(red_cell: float, scale: float) -> float:
    """Return the sigma that makes a file's crops as sharp as all others, in pixels of the crop."""
    own = OWN_BLUR * max(scale / red_cell, 0.0)
    return float(np.sqrt(max(TARGET_BLUR**2 - own**2, MIN_BLUR**2)))


def see(
    rgb: Rgb, own: Bools, others: Bools, background: npt.NDArray[np.float32], sigma: float
) -> Seen:
    """Return one crop measured against itself.

    Args:
        rgb: uint8 [side, side, 3].
        own: where the nucleus is; others: where its neighbours are.
        background: level [3] of no density.
        sigma: of the blur.
    """
    mask: npt.NDArray[Any] = own.astype(np.uint8)
    # Nothing around a cell on black is background; around others a rim shows where they end.
    around = mask if on_black(rgb) else cv2.dilate(mask, _RIM) * (1 - others.astype(np.uint8))
    # What lies around becomes background before the blur, or it would run into the cell.
    canvas = np.where(around[..., None] > 0, rgb, np.rint(background).astype(np.uint8))
    blurred = cv2.GaussianBlur(canvas, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    density = densities(np.asarray(blurred, np.uint8), background.astype(np.float64))[..., GREEN]
    core = cv2.erode(mask, _RIM, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    values = density[(core if np.count_nonzero(core) > MIN_CORE else mask) > 0]
    low, high = np.percentile(values, PERCENTILES) if len(values) else (0.0, 1.0)
    level = (density - low) / max(high - low, MIN_SPREAD)
    return Seen(density, np.asarray(level, np.float32), np.asarray(around, np.uint8))
