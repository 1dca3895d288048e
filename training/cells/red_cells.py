"""Measures red cells, which give the scale of a picture: 7 to 8 micrometres on a smear."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from training.cells.density import Rgb, densities, on_black, purple

MICROMETRES = 7.5
"""The diameter of a red cell on a dry smear."""

CAP = 0.3
"""Densities above count as this where the threshold is looked for: nuclei must not move it."""

SOLID = 0.93
"""Share of its convex hull that a cell fills which lies alone."""

MIN_DIAMETER = 0.4
"""Share of the usual diameter below which a find is a platelet or dirt."""


class RedCells(NamedTuple):
    """What the red cells of a picture say about its scale."""

    diameter: float
    """Median over red cells that lie alone, in pixels of the picture's height."""
    aspect: float
    """Their median width as a share of their height: below 1 where the picture was squeezed."""
    alone: int
    """How many of them there are."""


def measure(rgb: Rgb, aspect: float = 1.0) -> RedCells | None:
    """Return the size and aspect of the red cells that lie alone in a picture.

    Args:
        rgb: uint8 [h, w, 3].
        aspect: width of a pixel as a share of its height, where it is known; it is undone first.

    Returns:
        None where there are none, or the picture is a cell on black.
    """
    if on_black(rgb):
        return None
    sizes = [cell for cell in _alone(_stretched(rgb, aspect)) if cell[0] > 0]
    if not sizes:
        return None
    table = np.array(sizes, np.float64)
    usual = _weighted_median(table[:, 0], table[:, 0] ** 2)
    kept = table[table[:, 0] > MIN_DIAMETER * usual]
    diameter, ratio = np.median(kept, axis=0)
    return RedCells(float(diameter), float(ratio), len(kept))


def _stretched(rgb: Rgb, aspect: float) -> Rgb:
    """Return the picture with square pixels, at its old height."""
    if aspect == 1:
        return rgb
    size = round(rgb.shape[1] * aspect), rgb.shape[0]
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _alone(rgb: Rgb) -> list[tuple[float, float]]:
    """Yield (diameter, width / height) of each cell without a nucleus that touches no other one."""
    density = densities(rgb)
    capped = np.minimum(density.max(axis=2), CAP) * np.float32(255 / CAP)
    cells = cv2.threshold(capped.astype(np.uint8), 0, 1, cv2.THRESH_OTSU)[1]
    nuclear = purple(density)
    contours, _ = cv2.findContours(cells, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    height, width = cells.shape
    sizes = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        area = cv2.contourArea(contour)
        inside = x > 0 and y > 0 and x + w < width and y + h < height
        if not inside or area < 30 or area < SOLID * cv2.contourArea(cv2.convexHull(contour)):
            continue
        drawn = cv2.drawContours(
            np.zeros((h, w), np.uint8), [contour], -1, (1,), -1, offset=(-x, -y)
        )
        if cv2.mean(nuclear[y : y + h, x : x + w], drawn)[0] < CAP:
            sizes.append((2 * float(np.sqrt(area / np.pi)), w / h))
    return sizes


def _weighted_median(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> np.float64:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    middle: np.float64 = values[order][np.searchsorted(reached, reached[-1] / 2)]
    return middle
