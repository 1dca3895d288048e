"""What a field is like: how sharp and bright it is, the colours of its stain, its cells."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from smear_cells import CELL_FIELDS, describe
from smear_frame import MASK_FROM, OUTSIDE, SIDE, counts
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
_OUTSIDE_COUNT: Final = int(OUTSIDE.sum())


def measure(
    pixels: npt.NDArray[np.uint8], pages: int = 1, found: Nuclei | None = None
) -> npt.NDArray[np.float32]:
    """What the image is like, float32 [18] in the order of ``QUALITY_FIELDS``.

    pixels: uint8 [224, 224, 3] RGB; everything is measured outside the scale-bar corner.
    Grey is ITU-R BT.601 luma. Sharpness is the variance of the 4-neighbour Laplacian of the grey
    image, 0..255 scale (``pixels.decode`` puts 0 where a part of the image seems damaged);
    brightness and contrast are mean and standard deviation of grey / 255; clipped_dark and
    clipped_bright are the shares of pixels with grey <= 5 and >= 250. background_* is the mean
    RGB / 255 of pixels above the Otsu threshold of the green channel, cells_* of those at or below
    it; both are the whole mean where the green channel is flat. The rest is what
    ``smear_cells.describe`` says. ``found`` is ``smear_nuclei.find(pixels)`` where that is known.
    """
    # Histograms carry all there is to know here and are far quicker than sums over pixels.
    found = found or find(pixels)
    image = Image.fromarray(pixels)
    grey = image.convert("L")
    share = counts(grey)[0] / _OUTSIDE_COUNT
    brightness = share @ _LEVELS
    contrast = np.sqrt(share @ (_LEVELS - brightness) ** 2)
    whole = found.levels
    above = (np.asarray(image.getchannel(1)) > otsu(whole[1])) & OUTSIDE
    bright = counts(image, Image.fromarray(above))
    return np.concatenate(
        [
            [pages, _sharpness(np.asarray(grey)), brightness / 255, contrast / 255],
            [share[:6].sum(), share[250:].sum()],
            _mean_colour(bright, whole) / 255,
            _mean_colour(whole - bright, whole) / 255,
            describe(found),
        ]
    ).astype(np.float32)


def _mean_colour(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Mean levels [3] of histograms [3, 256]; those of the whole where the part is empty."""
    histogram = part if part[0].any() else whole
    return np.asarray(histogram @ _LEVELS / histogram.sum(axis=1))


def _sharpness(grey: npt.NDArray[np.uint8]) -> float:
    """Variance of the Laplacian where neither a pixel nor its neighbours are in the bar."""
    wide = grey.astype(np.int16)
    laplacian = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    laplacian -= 4 * wide[1:-1, 1:-1]
    laplacian[MASK_FROM - 2 :, MASK_FROM - 2 :] = 0
    count = (SIDE - 2) ** 2 - (SIDE - MASK_FROM) ** 2
    values = laplacian.astype(np.float32).ravel()
    return float(values @ values / count - (values.sum() / count) ** 2)
