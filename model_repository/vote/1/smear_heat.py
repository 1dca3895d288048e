"""Makes one map of where the evidence lies from the class activation maps of several backbones."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

HEATMAP_SIDE: Final = 7

Array = npt.NDArray[np.floating[Any]]


def heatmap(maps: Sequence[Array]) -> Array:
    """Return the mean of the maps [h, w] of one class, each resized to [7, 7] and scaled to 0..1.

    Only evidence for the class counts (see ``evidence``). The largest value of the result is 1; it
    is all 0 where no map has any evidence.
    """
    total = np.zeros((HEATMAP_SIDE, HEATMAP_SIDE))
    for part in maps:
        rows, columns = (_averages(side) for side in part.shape)
        total += _to_unit(rows @ evidence(part) @ columns.T)
    return _to_unit(total).astype(np.float32)


def evidence(part: Array) -> npt.NDArray[np.float64]:
    """Return what speaks for the class at each position of a map [h, w], 0 where nothing does.

    That is what stands out above the map's median: most of a field is background, where a backbone
    says the same everywhere and nothing of cells.
    """
    values = part.astype(np.float64)
    above: npt.NDArray[np.float64] = np.maximum(values - np.median(values), 0)
    return above


def _to_unit(values: Array) -> Array:
    top = values.max()
    scaled: Array = values / top if top > 0 else values
    return scaled


@functools.cache  # three sizes of maps, one for each backbone
def _averages(side: int) -> Array:
    """Return the [7, side] matrix that resamples an axis.

    It is a triangle as wide as a step of the coarser of the two grids, so that no position of a
    finer map goes unseen; pixel centres are at the half.
    """
    step = side / HEATMAP_SIDE
    centres = (np.arange(HEATMAP_SIDE) + 0.5) * step - 0.5
    distance = np.abs(np.clip(centres, 0, side - 1)[:, None] - np.arange(side))
    weights = np.maximum(0, 1 - distance / max(1, step))
    return np.asarray(weights / weights.sum(1, keepdims=True))
