"""Models the specimen: how background, red cells and nuclei take each colour out of the light.

Optical density is where stains add up (Beer and Lambert), so every change of a stain is one affine
map of the densities, and several in a row are still one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from toolkit import served
from training.augment.config import AugmentConfig
from training.augment.field import OUTSIDE, Rgb

Affine = npt.NDArray[np.float64]
"""[3, 4]: densities of red, green, blue and a one, to densities."""

LEVELS: npt.NDArray[np.float32] = -np.log((np.arange(256) + 1) / 256).astype(np.float32)
"""Density of every grey level; black counts as a 256th of the light, not as none."""

# Absorbance of haematoxylin, eosin and diaminobenzidine in red, green and blue: A. C. Ruifrok,
# D. A. Johnston, Quantification of histochemical staining by color deconvolution, 2001. Blood is
# stained with azures and eosin: here the three are directions of a random change, no more.
_HED = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
_HED /= np.linalg.norm(_HED, axis=1, keepdims=True)

_AREA = np.count_nonzero(OUTSIDE)

_RIDGE = 0.008
"""How much density, squared, a colour must have before a map follows it alone."""

_GAIN = (0.35, 2.8)
"""No combination of the channels becomes more than this weaker or stronger: what is not stain,
such as coloured fringes and compression, must stay small."""

_PALE, _DARK = 0.45, 1.15
"""Densities above count as these where cells are parted from background, and nuclei from cells:
a few very dark nuclei must not make the rest one class."""

_STEPS = 200
"""Steps per unit of density of the histograms that thresholds are looked for in."""


class Palette(NamedTuple):
    """The densities [3] of a field's three parts in red, green and blue.

    Those of cells are what they add to the background's.
    """

    background: npt.NDArray[np.float64]
    red_cells: npt.NDArray[np.float64]
    nuclei: npt.NDArray[np.float64]


def identity() -> Affine:
    """Return the map that changes nothing."""
    return np.eye(3, 4)


def then(first: Affine, second: Affine) -> Affine:
    """Return the map that does ``second`` after ``first``."""
    return second[:, :3] @ first + np.column_stack([np.zeros((3, 3)), second[:, 3]])


def palette(pixels: Rgb) -> Palette:
    """Return the three colours of a field, by two thresholds of Otsu's outside the masked corner.

    The first parts cells from background in green, the second nuclei from red cells among the
    cells, in how far green stands above red and blue: nuclei are purple in every Romanowsky
    stain, red cells in none. It is a rougher cut than ``smear_nuclei`` makes, at a fraction of its
    time, and means of colours need no better. Where a part is empty its colour is nothing.
    """
    density = cv2.LUT(pixels, LEVELS)
    red, green, blue = cv2.split(density)
    light = np.flatnonzero(np.cumsum(_counts(pixels[..., 1], OUTSIDE)) >= 0.97 * _AREA)[0]
    paler = green - LEVELS[light]
    cells = _above(paler, _PALE, OUTSIDE)
    nuclei = _above(2 * green - cv2.max(red, blue), _DARK, cells)
    background, *parts = (
        np.array(cv2.mean(density, part)[:3]) for part in (OUTSIDE - cells, cells - nuclei, nuclei)
    )
    return Palette(background, *(part - background if part.any() else part for part in parts))


def drawn(rng: np.random.Generator) -> Palette:
    """Return random colours of a stain and a lamp, within what smears look like.

    The ranges hold nearly all that ``palette`` finds in the public set and in fields of other
    laboratories: white to yellow or blueish light, red cells from salmon to teal, nuclei from
    pale pink to nearly black violet and hardly any density of them in blue.
    """
    background = rng.uniform(0, 0.06) + rng.uniform(0, 0.12, 3)
    red_cells = rng.uniform(0.1, 0.35) * np.array([1, 1, 0.6]) * np.exp(rng.uniform(-0.6, 0.6, 3))
    green = max(np.exp(rng.uniform(*np.log((0.3, 1.3)))), 1.4 * red_cells[1])
    nuclei = green * np.array([rng.uniform(0.25, 0.75), 1, rng.uniform(-0.1, 0.3)])
    return Palette(background, red_cells, nuclei)


def between(source: Palette, target: Palette) -> Affine:
    """Return the map that gives a field of colours ``source`` the colours ``target``.

    Red cells and nuclei give two directions of three, and in some fields nearly one. What they
    leave open follows the channels' common gain (a ridge regression towards it), and all gains
    are held within ``_GAIN``, so that no field is torn apart.
    """
    source_colours = np.column_stack([source.red_cells, source.nuclei])
    target_colours = np.column_stack([target.red_cells, target.nuclei])
    gain = np.maximum(target_colours.sum(1), 0.05) / np.maximum(source_colours.sum(1), 0.05)
    ridge = _RIDGE * np.eye(3)
    linear = np.linalg.solve(
        source_colours @ source_colours.T + ridge, source_colours @ target_colours.T + ridge * gain
    ).T
    left, gains, right = np.linalg.svd(linear)
    linear = left @ np.diag(np.clip(gains, *_GAIN)) @ right
    return np.column_stack([linear, target.background - linear @ source.background])


def mixed(affine: Affine, share: float) -> Affine:
    """Return the map that goes ``share`` of the way from no change to ``affine``."""
    return (1 - share) * identity() + share * affine


def jitter(rng: np.random.Generator, config: AugmentConfig) -> Affine:
    """Return a map with random amounts of the dyes and, by channel, of density and light."""
    dyes = 1 + rng.uniform(-config.hed, config.hed, 3)
    scale = np.exp(rng.uniform(-config.stain_scale, config.stain_scale, 3))
    shift = rng.uniform(-config.stain_shift, config.stain_shift, 3)
    linear = scale[:, None] * (_HED.T @ np.diag(dyes) @ np.linalg.inv(_HED.T))
    return np.column_stack([linear, shift])


def _above(
    density: npt.NDArray[np.float32], cap: float, within: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """Return 255 where ``density`` is above Otsu's threshold of its values ``within``, else 0."""
    # OpenCV takes a number for an image; its stubs do not say so.
    steps: Any = cv2.min(cv2.max(density, 0), cap) * _STEPS  # type: ignore[call-overload]
    levels: Any = cv2.add(steps, 0, dtype=cv2.CV_8U)  # type: ignore[call-overload]
    threshold = served.smear_nuclei.otsu(_counts(levels, within))
    above: Any = cv2.compare(levels, threshold, cv2.CMP_GT)  # type: ignore[call-overload]
    return np.asarray(cv2.bitwise_and(above, within), np.uint8)


def _counts(levels: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    histogram = cv2.calcHist([levels], [0], mask, [256], [0, 256])
    return np.asarray(histogram, np.float32).ravel()
