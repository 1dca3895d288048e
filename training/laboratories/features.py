"""What is known of each cell, as numbers: its size, its shape, its chromatin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.cells import texture
from training.laboratories import cutting, plane
from training.laboratories.table import Crops
from training.metrics.classification import Floats

USUAL = (0.3, 0.8, 0.95, 0.8)
"""About the middle of each number of the shape, so that products say something of their own."""


@dataclass(frozen=True)
class Described:
    """All cells, n of them."""

    size: Floats
    """[n, 1], logarithm of the area."""
    shape: Floats
    """[n, 4]: the same, roundness, solidity, axes."""
    texture: Floats
    """[n, 17], ``texture.NAMES``."""
    planes: plane.Plane
    """uint8 [n, side, side]."""

    def columns(self) -> Mapping[str, Floats]:
        """What a head can be given, by name."""
        return {
            "size": self.size,
            "shape": self.shape,
            "squares": _with_products(self.shape, USUAL),
            "form": _with_products(self.shape[:, 1:], USUAL[1:]),
            "texture": self.texture,
        }


def _with_products(values: Floats, usual: Sequence[float]) -> Floats:
    """``values`` [n, k], and the products of any two of them less the usual."""
    first, second = np.triu_indices(values.shape[1])
    middle = values - np.array(usual)
    return np.concatenate([values, middle[:, first] * middle[:, second]], axis=1)


def describe(crops: Crops, report: Callable[[int], None] = lambda done: None) -> Described:
    """Measure all cells; ``report`` is called with how many are done."""
    planes = np.empty(crops.own.shape, np.uint8)
    textures = np.empty((len(crops), len(texture.NAMES)))
    for row, seen in enumerate(plane.every(crops, cutting.SCALE)):
        planes[row] = seen.plane
        textures[row] = texture.measure(seen.density, seen.level, crops.own[row], cutting.SCALE)
        report(row + 1)
    area = np.log(crops.shape[:, :1].astype(np.float64))
    shape = np.concatenate([area, crops.shape[:, 1:4]], axis=1)
    return Described(area, shape, textures, planes)
