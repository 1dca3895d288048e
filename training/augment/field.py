"""Says what a field is: its size, its type and its masked corner."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from allclient.contract import SIDE
from toolkit import served

Rgb = npt.NDArray[np.uint8]
"""uint8 [224, 224, 3], RGB, upright, squashed, the scale-bar corner masked (grey)."""

MASK_FROM: int = served.pixels.MASK_FROM

OUTSIDE: npt.NDArray[np.uint8] = np.full((SIDE, SIDE), 255, np.uint8)
"""255 outside the masked corner, 0 in it: the mask for everything that is measured."""
OUTSIDE[MASK_FROM:, MASK_FROM:] = 0
OUTSIDE.setflags(write=False)


def check(pixels: Rgb) -> None:
    """Check that ``pixels`` is a field, uint8 [224, 224, 3].

    Raises:
        ValueError: it is not.
    """
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        raise ValueError(
            f"a field must be uint8 [{SIDE}, {SIDE}, 3], this is {pixels.dtype} "
            f"{list(pixels.shape)}; the model repository's preprocess/1/pixels.py makes fields"
        )


def keep_corner(changed: Rgb, pixels: Rgb) -> Rgb:
    """Give ``changed`` the corner of ``pixels`` back, in place, as serving masks it last.

    Nothing that training does to a field may leave a trace there that serving would not show.
    """
    changed[MASK_FROM:, MASK_FROM:] = pixels[MASK_FROM:, MASK_FROM:]
    return changed
