"""Defines the size of what the backbones see, its corner without cells, and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

SIDE: Final = 224
"""Height and width, in pixels, of what the backbones see."""

MASK_FROM: Final = 188
"""From this row and column on the pixels are masked: the training images carry a scale bar there
whose style tells the class."""

OUTSIDE: Final[npt.NDArray[np.bool_]] = np.ones((SIDE, SIDE), dtype=bool)
"""bool [224, 224]: outside the masked corner, where everything is measured."""
OUTSIDE[MASK_FROM:, MASK_FROM:] = False
OUTSIDE.setflags(write=False)

OUTSIDE_COUNT: Final = int(np.count_nonzero(OUTSIDE))


def counts(
    planes: Sequence[npt.NDArray[np.uint8]], part: npt.NDArray[np.bool_] = OUTSIDE
) -> npt.NDArray[np.int64]:
    """Count each level of planes [h, w] in a part of them: int64 [planes, 256]."""
    mask = part.view(np.uint8)
    histograms = [cv2.calcHist([plane], [0], mask, [256], [0, 256]) for plane in planes]
    # OpenCV 4 gives a column for each, OpenCV 5 a plain row.
    return np.array([histogram.ravel() for histogram in histograms], np.int64)


def means(
    planes: Sequence[npt.NDArray[np.uint8]], part: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return the mean of each plane [h, w] over a part of it; 0 where that is empty."""
    mask = part.view(np.uint8)
    # The sum of what has no sign; far quicker than cv2.mean.
    sums = [cv2.norm(plane, cv2.NORM_L1, mask) for plane in planes]
    return np.array(sums) / max(1, cv2.countNonZero(mask))
