"""Chooses places of nuclei, for views that are cut around them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

MIN_AREA = 40
"""Pixels; what is smaller is a platelet, dirt or the rim of a nucleus outside the field. The
smallest lymphocytes of the public set cover about 150."""


def centres(
    mask: npt.NDArray[np.bool_], rng: np.random.Generator, count: int = 1
) -> npt.NDArray[np.float64]:
    """Return ``count`` random places (x, y) on nuclei, float64 [count, 2].

    The result is [0, 2] if there are no nuclei.

    Every connected region of ``mask`` (bool [h, w]) is as likely as any other; within it every
    pixel is, so that a clump of nuclei is not always cut around its middle.
    """
    regions, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    large = 1 + np.flatnonzero(stats[1:regions, cv2.CC_STAT_AREA] >= MIN_AREA)
    if not len(large):
        return np.empty((0, 2))
    places = np.empty((count, 2))
    for number, region in enumerate(rng.choice(large, count)):
        left, top, width, height, area = stats[region]
        rows, columns = np.nonzero(labels[top : top + height, left : left + width] == region)
        pixel = rng.integers(area)
        places[number] = left + columns[pixel], top + rows[pixel]
    return places
