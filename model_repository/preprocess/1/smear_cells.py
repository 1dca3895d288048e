"""Measures what the cells of a field are like: nuclei, their density and focus, red cells."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import smear_nuclei
from smear_frame import OUTSIDE, OUTSIDE_COUNT, SIDE, means
from smear_light import STEPS

CELL_FIELDS: Final = (
    "nuclei_share",
    "nuclei_purple",
    "nuclei_edge",
    "nuclei_density",
    "red_cell_size",
    "red_cell_aspect",
    "leukocytes",
)

STEEPEST: Final = 0.9
"""The sharpness of edges is told by this quantile of the slopes along them."""

_BETWEEN: Final = OUTSIDE.copy()
"""Where pixels have neighbours on all sides."""
_BETWEEN[[0, -1]] = False
_BETWEEN[:, [0, -1]] = False

MIN_AREA: Final = 80
"""Pixels of a nucleus at least, of 224 x 224: less than half a red cell, as platelets, pieces of
lobed nuclei and dirt have."""


def describe(nuclei: smear_nuclei.Nuclei) -> npt.NDArray[np.float64]:
    """Return float64 [7] in the order of ``CELL_FIELDS``, of what ``smear_nuclei.find`` found.

    - nuclei_share: of the field's area, 0..1.
    - nuclei_purple: share of green in the light that nuclei take out, less the same share of red
      cells. Nuclei are purple and red cells are not; red cells that lie on one another are dark
      and keep their colour. 0 where there are no nuclei or no colours.
    - nuclei_edge: slope of green density at the rims of nuclei, per pixel, as a share of their
      mean density: 0.4 to 0.5 where they are in focus. 1 where there are no nuclei to blur.
    - nuclei_density: mean optical density in green; 0 where there are no nuclei.
    - red_cell_size: by area and perimeter of what is cell and no nucleus, in pixels: the diameter
      of round cells; less where they are rings, more where they lie in rolls.
    - red_cell_aspect: width of the same as a share of its height, on average: 1 where cells are
      round. 0 for both where there is no such cell.
    - leukocytes: how many there are, touching ones counted as one.
    """
    mask = nuclei.mask
    red_cells = nuclei.cells & ~nuclei.around
    size, aspect = _shape(red_cells)
    if not mask.any():
        return np.array([0.0, 0.0, 1.0, 0.0, size, aspect, 0.0])
    in_nuclei = means(nuclei.light.densities, mask)
    in_red_cells = means(nuclei.light.densities, red_cells)
    return np.array(
        [
            np.count_nonzero(mask) / OUTSIDE_COUNT,
            _green_share(in_nuclei) - _green_share(in_red_cells),
            _slope(nuclei.light.densities[1], mask) / in_nuclei[1],
            in_nuclei[1] / STEPS,
            size,
            aspect,
            _count(mask),
        ]
    )


def _count(nuclei: npt.NDArray[np.bool_]) -> int:
    """Return how many regions are as large as a nucleus."""
    # Labels of 16 bits take half the time of those of 32.
    stats = cv2.connectedComponentsWithStats(nuclei.view(np.uint8), ltype=cv2.CV_16U)[2]
    return int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] >= MIN_AREA))


def _green_share(densities: npt.NDArray[np.float64]) -> float:
    """Return green's share of the density of all channels; a third, as in grey, if it has none."""
    return float(densities[1] / densities.sum()) if densities.any() else 1 / 3


def _slope(green: npt.NDArray[np.uint8], nuclei: npt.NDArray[np.bool_]) -> float:
    """Return the slope of the density around the rims of nuclei, per pixel."""
    rims = smear_nuclei.near(nuclei, 5) & ~smear_nuclei.inner(nuclei, 5) & _BETWEEN
    at = np.flatnonzero(rims)
    if not len(at):
        return 0.0
    line = green.ravel().astype(np.int32)
    down = line[at + SIDE] - line[at - SIDE]
    right = line[at + 1] - line[at - 1]
    # The quantile as numpy has it, of squares: their order is that of the slopes.
    rank = STEEPEST * (len(at) - 1)
    places = [int(rank), math.ceil(rank)]
    low, high = np.sqrt(np.partition(down * down + right * right, places)[places]) / 2
    return float(low + (high - low) * (rank - places[0]))


def _shape(part: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the mean diameter in pixels, and width / height."""
    wide = np.count_nonzero(part[1:] != part[:-1])  # edges above and below: two widths a cell
    high = np.count_nonzero(part[:, 1:] != part[:, :-1])
    if not wide or not high:
        return 0.0, 0.0
    # A circle drawn in pixels has 4 diameters of edges, not pi.
    return float(4 * np.count_nonzero(part) / (wide + high) * 4 / np.pi), wide / high
