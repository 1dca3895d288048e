"""Finds the nuclei of leukocytes in a field, whatever its stain.

Pure functions on numpy arrays; serving, training and evaluation call the same ones.

How, and why so
- Optical density against the field's own background: a pale and a dark slide, a yellow and a blue
  lamp give the same picture.
- Density is taken in green and doubled by how far green stands above red and blue
  (``2 green - max(red, blue)``). Nuclei are purple in every Romanowsky stain: the complex of azure
  and eosin on chromatin takes out green. Red cells are anything from salmon to teal, but never
  purple, so this keeps them low where green alone confuses thick red cells with pale nuclei. On a
  grey image it is plain density.
- Two thresholds by Otsu's method: one parts cells from background, a second one nuclei from red
  cells among the cells. Both look at capped values, so that a few very dark nuclei do not make
  pale ones count as red cells.
- Two red cells on top of each other have twice the density of one. A nucleus has to have more than
  that somewhere, so a field of red cells alone gives nothing or nearly nothing.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import smear_light
from smear_frame import OUTSIDE, counts
from smear_light import Light

CELL_CAP: Final = 40
NUCLEUS_CAP: Final = 100
"""Densities above count as these (0.2 and 0.5) where a threshold is looked for."""

SMOOTH: Final = 7
"""Densities that are taken together where the commonest one is looked for."""

OVERLAP: Final = 2.0
"""A nucleus is denser than this many red cells,"""

CORE: Final = 2.6
"""and in its middle denser than this many: red cells are thicker in places."""


class Nuclei(NamedTuple):
    """What was found in one field."""

    mask: npt.NDArray[np.bool_]
    """bool [224, 224]."""
    around: npt.NDArray[np.bool_]
    """bool [224, 224]: nuclei and a rim of cytoplasm."""
    cells: npt.NDArray[np.bool_]
    """bool [224, 224]: red cells, nuclei, everything that is not background."""
    density: npt.NDArray[np.uint8]
    """uint8 [224, 224], in 1/200: the purple-weighted density that the mask was cut from."""
    red_cell: float
    """The ``density`` of a red cell."""
    light: Light
    """What it was found in."""


def mask(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return nuclei in a field: rgb uint8 [224, 224, 3] -> bool [224, 224], False in the corner."""
    return find(rgb).mask


def near(part: npt.NDArray[np.bool_], side: int) -> npt.NDArray[np.bool_]:
    """Return where any of the side x side pixels around belongs to the part; side is odd."""
    return cv2.dilate(part.view(np.uint8), np.ones((side, side), np.uint8)).view(bool)


def around(nuclei: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return nuclei with a rim of cytoplasm, four pixels wide."""
    return near(nuclei, 9)


def inner(part: npt.NDArray[np.bool_], side: int) -> npt.NDArray[np.bool_]:
    """Return where all of the side x side pixels around belong to the part; side is odd."""
    return cv2.erode(part.view(np.uint8), np.ones((side, side), np.uint8)).view(bool)


def find(rgb: npt.NDArray[np.uint8]) -> Nuclei:
    """Find nuclei and cells in a field: rgb uint8 [224, 224, 3], upright, in colour."""
    light = smear_light.measure(rgb)
    red, green, blue = light.densities
    purple = np.asarray(cv2.addWeighted(green, 2, cv2.max(red, blue), -1, 0), np.uint8)
    # The histogram of a channel's densities is that of its levels, put in another order.
    capped = np.bincount(np.minimum(light.density_of_level[1], CELL_CAP), weights=light.levels[1])
    cells = (green > otsu(capped)) & OUTSIDE
    low, red_cell = _split(counts([purple], cells)[0])
    raw = (purple > int(max(low, OVERLAP * red_cell))) & cells
    # A nucleus is a blob: platelets, the edges of stacked red cells and grains of dirt are not.
    blobs = near(raw & (_around(raw, 5) >= 20), 5)
    grown = raw & blobs & (_around(raw, 3) >= 5)
    seed = grown & (_around(purple > int(CORE * red_cell), 5) >= 13)
    nuclei = _reach(seed, grown)
    return Nuclei(nuclei, around(nuclei), cells, purple, red_cell, light)


def otsu(histogram: npt.NDArray[Any]) -> int:
    """Return the level that parts a histogram [n] best: values at or below it are the low class."""
    below = np.cumsum(histogram, dtype=np.float64)
    weighted = np.cumsum(histogram * np.arange(len(histogram)), dtype=np.float64)
    apart = weighted * below[-1] - weighted[-1] * below
    # Where a class is empty, apart is 0.
    return int(np.argmax(apart**2 / np.maximum(1, below * (below[-1] - below))))


def _split(histogram: npt.NDArray[np.int64]) -> tuple[int, float]:
    """Return the threshold among the cells, and the density below it that stands for red cells.

    That is the commonest one, because edges and cytoplasm of leukocytes draw up the mean where
    there are many; but the mean, where the commonest lies far above it: that is then no red cell.
    """
    capped = histogram[: NUCLEUS_CAP + 1].copy()
    capped[-1] += histogram[NUCLEUS_CAP + 1 :].sum()
    low = otsu(capped)
    below = capped[: low + 1]
    if not below.any():  # all cells are equally dense: nothing tells a nucleus from a red cell
        return 255, 255.0
    mean = below @ np.arange(low + 1) / below.sum()
    commonest = int(np.argmax(np.convolve(below, np.ones(SMOOTH), "same")))
    return low, float(commonest if commonest < 1.15 * mean else mean)


def _around(part: npt.NDArray[np.bool_], side: int) -> npt.NDArray[np.uint8]:
    """Return how many of the side x side pixels around each one are set; edges are continued."""
    whole = part.view(np.uint8)
    sums = cv2.boxFilter(whole, -1, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(sums, np.uint8)


def _reach(
    seed: npt.NDArray[np.bool_], within: npt.NDArray[np.bool_], steps: int = 3
) -> npt.NDArray[np.bool_]:
    """Return what of ``within`` lies a few pixels from ``seed``, step by step inside it."""
    for _ in range(steps):
        seed = near(seed, 9) & within
    return seed
