"""Turns pictures into what they are compared by: local contrast of optical density."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from toolkit import served

SIDE = 112
"""Half the side of what the backbones see: a red cell is still about ten pixels wide."""
REACH = SIDE / 12
"""Standard deviation, in pixels, of the neighbourhood that contrast is measured against."""
FLOOR = 0.3
"""Share of the picture's own contrast below which a neighbourhood counts as empty."""


def contrast(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the local contrast float32 [SIDE, SIDE] of ``pixels`` uint8 [224, 224, 3].

    It is the optical density of the green channel, minus its blurred self, over the blurred size of
    what remains. Without the division one dark cell outweighs all red cells of a sparse field, and
    two fields with one dark cell each would pass for the same. The corner of the scale bar is 0.
    """
    green = pixels[..., 1].astype(np.float32)
    density = -np.log(np.maximum(green, 8) / 255)
    corner = served.pixels.MASK_FROM
    seen = np.ones(density.shape, bool)
    seen[corner:, corner:] = False
    density[~seen] = density[seen].mean()
    small = cv2.resize(density, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    detail = small - cv2.GaussianBlur(small, (0, 0), REACH)
    size = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), REACH))
    local = detail / (size + FLOOR * detail.std() + 1e-6)
    first = corner * SIDE // len(pixels)
    local[first:, first:] = 0
    detail_map: npt.NDArray[np.float32] = local
    return detail_map


def read(
    paths: Iterable[Path],
) -> Iterator[tuple[Path, bytes, npt.NDArray[np.float32] | str]]:
    """Yield each file, its bytes and its ``contrast``, or why the server would refuse it."""
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            yield path, b"", error.strerror or str(error)
            continue
        try:
            yield path, data, contrast(served.pixels.rgb(data))
        except served.pixels.ImageError as error:
            yield path, data, str(error)
