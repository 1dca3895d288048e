"""Reads what one backbone says of each leukocyte out of its class activation map.

The backbones' heads are linear in averages over leukocytes (``training/models/cells.py``): a map
is what the field's answer is without any cell, plus the evidence of every position, and its mean is
the field's logits. So the field's logits are the mean of the logits of its cells, weighed by area,
and a cell's logits are found by adding up the evidence of its own pixels alone:

    cell = blank + (sum of its evidence / positions) / its share of the area

- Blank is read where there is nothing to see: the scale-bar corner, which is background by
  ``smear_density.render``. No bias has to be handed on, and rounded backbones with heads of their
  own are right as well.
- A position in which several cells are seen is divided by how much of it each of them fills.
- What a map says where no cell is seen is said of all cells alike. It is 0 for released backbones.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

BLANK_FROM: Final = 245
"""A pixel whose channels all reach this level shows nothing."""

Floats = npt.NDArray[np.floating[Any]]


class Said(NamedTuple):
    """What one backbone says of n cells."""

    logits: npt.NDArray[np.float64]
    """[n, 4]; those of the field for a cell that the backbone does not see."""
    areas: npt.NDArray[np.float64]
    """[n], the share of what it sees, sum 1; 0 for a cell that it does not see, as at the borders
    that InceptionV3 cuts off. Its field's logits are the mean of the cells' with these weights."""


def seen(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return where a rendered field, uint8 [h, w, 3], shows anything."""
    red, green, blue = cv2.split(pixels)
    return np.asarray(cv2.min(cv2.min(red, green), blue) < BLANK_FROM)


def of_cells(
    cam: Floats, owner: npt.NDArray[np.int32], shown: npt.NDArray[np.bool_], count: int
) -> Said:
    """Return the logits of ``count`` cells, of at least one.

    cam: [k, k, 4]; owner: [h, w], the number of each pixel's cell; shown: bool [h, w].
    """
    maps = cam.reshape(-1, cam.shape[2]).astype(np.float64)
    parts = per_position(owner, shown, count, len(cam))
    filled = parts.sum(axis=0)
    field = maps.mean(axis=0)
    if not filled.any():
        return Said(np.tile(field, (count, 1)), np.zeros(count))
    evidence = (maps - maps[-1]) / len(maps)
    own = parts / np.maximum(filled, 1) @ evidence
    areas = parts.sum(axis=1) / filled.sum()
    whole = maps[-1] + evidence[filled == 0].sum(axis=0) + own / np.maximum(areas, 1e-9)[:, None]
    return Said(np.where(areas[:, None] > 0, whole, field), areas)


def per_position(
    owner: npt.NDArray[np.int32], shown: npt.NDArray[np.bool_], count: int, side: int
) -> npt.NDArray[np.float64]:
    """Return how many pixels of each cell each position of a map shows: [count, side * side].

    A map whose side does not divide the field lies in its middle (unpadded convolutions).
    """
    step = len(owner) // side
    before = (len(owner) - step * side) // 2
    window = np.s_[before : before + step * side, before : before + step * side]
    along = np.arange(step * side) // step
    place = owner[window] * (side * side) + along[:, None] * side + along
    counts = np.bincount(place[shown[window]], minlength=count * side * side)
    return counts.reshape(count, -1).astype(np.float64)
