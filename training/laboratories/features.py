"""What is known of each cell, as numbers: its size, its shape, its chromatin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from training.cells import texture
from training.laboratories import cutting, plane
from training.laboratories.table import Crops
from training.metrics.classification import Floats


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
        return {"size": self.size, "shape": self.shape, "texture": self.texture}


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
