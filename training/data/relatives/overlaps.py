"""Confirms a proposed pair: do the two pictures agree wherever they would show the same place?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from training.data.relatives import shifts
from training.data.relatives.pictures import SIDE

MIN_AREA = 0.08
MIN_CORRELATION = 0.50
MIN_STRENGTH = 0.42
"""Least ``Overlap.strength`` of a pair. On the public set's 3.8 million pairs no two images of
different slides come above 0.38; all 16 pairs from 0.38 to 0.52 were looked at, and all of them
share cells."""
UNSURE_STRENGTH = 0.35
MIN_NEAR_CORRELATION = 0.80
MIN_NEAR_AREA = 0.85
SCALE = SIDE / shifts.SIDE
EMPTY = 0.05
"""Standard deviation of local contrast, about 1 in a field, below which there is nothing to see."""
SLACK = 3
"""Pixels searched around the proposed shift, which is known to half a pixel of ``shifts.SIDE``."""


class Overlap(NamedTuple):
    """Two pictures that may show the same cells, and how well they agree."""

    first: int
    second: int
    correlation: float
    """Pearson's, of local contrast over the common area."""
    area: float
    """Common area as a share of one picture."""
    down: int = 0
    right: int = 0
    """Shift in pixels of SIDE: the second's [y, x] is the first picture's [y + down, x + right]."""

    @property
    def strength(self) -> float:
        """Fisher's z of the correlation times the root of the area.

        A correlation over few pixels is high by chance more easily, by Fisher's standard error of
        1 / sqrt(n).
        """
        return float(float(np.arctanh(min(self.correlation, 0.999))) * self.area**0.5)

    @property
    def sure(self) -> bool:
        """Whether the two pictures certainly overlap."""
        return self.strength >= MIN_STRENGTH

    @property
    def near(self) -> bool:
        """Whether the two pictures show nearly the same frame."""
        return self.correlation >= MIN_NEAR_CORRELATION and self.area >= MIN_NEAR_AREA


def confirm(
    pictures: npt.NDArray[np.float32], proposals: Iterable[shifts.Proposal]
) -> Iterator[Overlap]:
    """Yield the ``proposals`` that overlap for sure or perhaps (``Overlap.sure``)."""
    for each in proposals:
        first, second = pictures[each.first], pictures[each.second]
        # A shift is known modulo the side: down by 60 of 64 may be up by 4.
        overlaps = (
            _correlate(first, second, round(down * SCALE), round(right * SCALE))
            for down in (each.down, each.down - shifts.SIDE)
            for right in (each.right, each.right - shifts.SIDE)
        )
        overlap = max(
            (Overlap(each.first, each.second, *pair) for pair in overlaps), key=lambda o: o.strength
        )
        if overlap.correlation >= MIN_CORRELATION and overlap.strength >= UNSURE_STRENGTH:
            yield overlap


def _correlate(
    first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], down: int, right: int
) -> tuple[float, float, int, int]:
    """Return the best correlation within ``SLACK`` of the shift, the common area, the exact shift.

    All are 0 if less than ``MIN_AREA`` is in common, or nothing but the masked corner.
    """
    top, bottom = max(0, down) + SLACK, min(SIDE, SIDE + down) - SLACK
    left, end = max(0, right) + SLACK, min(SIDE, SIDE + right) - SLACK
    if (SIDE - abs(down)) * (SIDE - abs(right)) < MIN_AREA * SIDE**2:
        return 0.0, 0.0, 0, 0
    patch = first[top:bottom, left:end]
    around = second[
        top - down - SLACK : bottom - down + SLACK, left - right - SLACK : end - right + SLACK
    ]
    # OpenCV calls two constant patches equal. They tell nothing.
    if min(patch.shape) < 2 * SLACK or patch.std() < EMPTY or around.std() < EMPTY:
        return 0.0, 0.0, 0, 0
    surface = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
    row, column = divmod(int(surface.argmax()), surface.shape[1])
    down, right = down - (row - SLACK), right - (column - SLACK)
    area = (SIDE - abs(down)) * (SIDE - abs(right)) / SIDE**2
    return float(surface[row, column]), area, down, right
