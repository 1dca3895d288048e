"""What is known of each cell, as numbers: its size, its shape, its chromatin, a backbone's maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from training.cells import texture
from training.fit.release.recipe import RECIPES
from training.laboratories import cutting, plane
from training.laboratories.table import Crops
from training.metrics.classification import Floats
from training.models import beginning

BATCH = 128
MIN_VARIANCE = 1e-6


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


def maps(backbone: str, planes: plane.Plane) -> Floats:
    """Averages and deviations over the cell of every map of a released master's beginning.

    Returns:
        [n, 2 * channels of all taps].
    """
    net = beginning.of_master(backbone, RECIPES[backbone].taps, planes.shape[1])
    parts = []
    for start in range(0, len(planes), BATCH):
        shown = np.repeat(planes[start : start + BATCH, ..., None], 3, axis=3)
        parts.append(_deviations(net, net.predict_on_batch(shown)))
    return np.concatenate(parts).astype(np.float64)


def _deviations(net: keras.Model, pooled: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Averaged squares become deviations, whose scale is that of the averages."""
    widths = [each.shape[-1] for each in keras.tree.flatten(net.get_layer(net.name).output)]
    found, start = [], 0
    for width in widths:
        mean, square = (pooled[:, start + k * width : start + (k + 1) * width] for k in (0, 1))
        found += [mean, np.sqrt(np.maximum(square - mean**2, MIN_VARIANCE))]
        start += 2 * width
    return np.concatenate(found, axis=1)
