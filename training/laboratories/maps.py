"""What the beginning of a released backbone sees of each cell."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from training.fit.release.recipe import RECIPES
from training.laboratories.plane import Plane
from training.metrics.classification import Floats
from training.models import beginning

BATCH = 128
MIN_VARIANCE = 1e-6


def describe(backbone: str, planes: Plane) -> Floats:
    """Return averages and deviations over the cell of every map of a master's beginning.

    Returns:
        [n, 2 * channels of all taps].
    """
    model = beginning.of_master(backbone, RECIPES[backbone].taps, planes.shape[1])
    parts = []
    for start in range(0, len(planes), BATCH):
        shown = np.repeat(planes[start : start + BATCH, ..., None], 3, axis=3)
        parts.append(_deviations(model, model.predict_on_batch(shown)))
    return np.concatenate(parts).astype(np.float64)


def _deviations(model: keras.Model, pooled: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Turn averaged squares into deviations, whose scale is that of the averages."""
    widths = [each.shape[-1] for each in keras.tree.flatten(model.get_layer(model.name).output)]
    columns, start = [], 0
    for width in widths:
        mean, square = (pooled[:, start + k * width : start + (k + 1) * width] for k in (0, 1))
        columns += [mean, np.sqrt(np.maximum(square - mean**2, MIN_VARIANCE))]
        start += 2 * width
    return np.concatenate(columns, axis=1)
