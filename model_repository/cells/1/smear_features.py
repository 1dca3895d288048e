"""Describes how each leukocyte of a field looks, so that like ones can be found again.

The numbers are those that the beginning of MobileNet makes of the cell's own pixels: texture and
shape of its nucleus, without stain, since the backbones see densities alone. ``features.onnx``
holds that beginning and a projection (``python -m convert features`` makes it), after which the
distance of two cells is the root of the summed squares of their differences.

OpenCV runs it, because this process has OpenCV already: no other model is loaded for it, and
nothing at all until somebody asks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import smear_evidence
import smear_part

FILE: Final = "features.onnx"
"""Beside this file."""

WIDTH: Final = 64
"""Numbers that describe one cell."""

Rows = npt.NDArray[np.float32]


class Features:
    """The network in one file, loaded when it is first asked."""

    def __init__(self, path: Path) -> None:
        """Keep where the file lies."""
        self._path = path
        self._net: cv2.dnn.Net | None = None

    def rows(self, pixels: npt.NDArray[np.uint8], nuclei: npt.NDArray[np.uint8]) -> Rows:
        """Return float32 [n, WIDTH] of the n leukocytes of one field, in the order of CELLS.

        pixels: uint8 [224, 224, 3], as the backbones see it; nuclei: its mask as ``numpy.packbits``
        packs it. Raises ValueError where the file cannot be read.
        """
        owner, shown, count = of_field(pixels, nuclei)
        if not count:
            return np.zeros((0, WIDTH), np.float32)
        return pooled(self.maps(pixels), owner, shown, count)

    def maps(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return what the network makes of a field, float32 [k, k, WIDTH]."""
        if self._net is None:
            try:
                self._net = cv2.dnn.readNetFromONNX(str(self._path))
            except cv2.error as error:
                raise ValueError(f"{self._path.name} cannot be read") from error
        self._net.setInput(pixels[None].astype(np.float32))
        return np.asarray(self._net.forward()[0], np.float32)


def of_field(
    pixels: npt.NDArray[np.uint8], nuclei: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_], int]:
    """Return whose each pixel is, what shows anything, and how many cells there are."""
    boxes, owner = smear_part.part_packed(nuclei, *pixels.shape[:2])
    return owner, smear_evidence.seen(pixels), len(boxes)


def pooled(
    maps: npt.NDArray[np.float32],
    owner: npt.NDArray[np.int32],
    shown: npt.NDArray[np.bool_],
    count: int,
) -> Rows:
    """Return the mean of maps [k, k, c] over the pixels of each cell: float32 [count, c].

    It is the mean of the whole field for a cell of which nothing is shown.
    """
    positions = maps.reshape(-1, maps.shape[2])
    parts = smear_evidence.per_position(owner, shown, count, len(maps))
    pixels = parts.sum(axis=1, keepdims=True)
    means = parts / np.maximum(pixels, 1) @ positions
    return np.where(pixels > 0, means, positions.mean(axis=0)).astype(np.float32)
