"""Defines the size of what the backbones see, and the corner of it that shows no cells."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE: Final = 224
"""Height and width, in pixels, of what the backbones see."""

MASK_FROM: Final = 188
"""From this row and column on the pixels are masked: the training images carry a scale bar there
whose style tells the class."""

OUTSIDE: Final[npt.NDArray[np.bool_]] = np.ones((SIDE, SIDE), dtype=bool)
"""bool [224, 224]: outside the masked corner, where everything is measured."""
OUTSIDE[MASK_FROM:, MASK_FROM:] = False
OUTSIDE.setflags(write=False)

OUTSIDE_IMAGE: Final = Image.fromarray(OUTSIDE)
"""The same as a 1-bit image, for Pillow's histograms."""


def counts(image: Image.Image, part: Image.Image = OUTSIDE_IMAGE) -> npt.NDArray[np.int64]:
    """Count how often each level occurs in a part of an 8-bit image: int64 [bands, 256].

    Pillow's histogram is far quicker than an index by a mask and ``np.bincount``.
    """
    return np.array(image.histogram(part), dtype=np.int64).reshape(-1, 256)
