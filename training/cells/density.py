"""Measures optical density against the background of the picture itself."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

BACKGROUND = 97
"""The background of a channel is this percentile of its levels."""

BLACK = 12
"""A pixel of a cell cut out on black is part of the cell if a channel is above this level."""

MIN_BLACK = 0.2
"""Least share of black pixels in a picture that counts as a cell on black."""


def on_black(rgb: Rgb) -> bool:
    """Return whether the picture shows a cell that was cut out and laid on black."""
    return bool((rgb.max(axis=2) <= BLACK).mean() >= MIN_BLACK)


def background(rgb: Rgb) -> npt.NDArray[np.float64]:
    """Return the level [3] of each channel where there is no cell.

    A cell on black has no background. White then stands for it: densities come out higher by one
    constant, which whoever compares a cell with itself does not see.
    """
    if on_black(rgb):
        return np.full(3, 255.0)
    return np.asarray(np.percentile(rgb[::2, ::2].reshape(-1, 3), BACKGROUND, axis=0), np.float64)


def densities(rgb: Rgb, light: npt.NDArray[np.float64] | None = None) -> Floats:
    """Return the optical density to base 10, float32 [h, w, 3], 0 or more.

    Args:
        rgb: uint8 [h, w, 3].
        light: the level [3] that counts as no density; None takes ``background``.
    """
    light = background(rgb) if light is None else light
    tables = np.log10((light[None] + 1) / (np.arange(256.0)[:, None] + 1)).clip(0)
    return np.asarray(cv2.LUT(rgb, tables.astype(np.float32)[None]), np.float32)


def purple(density: Floats) -> Floats:
    """Return how purple each pixel is, float32 [h, w].

    It is high in nuclei of every Romanowsky stain, and low in red cells.

    The complex of azure and eosin on chromatin takes out green. Red cells are anything from salmon
    to teal and never purple, so ``2 green - max(red, blue)`` keeps thick ones low.
    """
    red, green, blue = cv2.split(density)
    return np.asarray(np.maximum(2 * green - np.maximum(red, blue), 0), np.float32)
