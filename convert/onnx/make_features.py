"""Makes ``features.onnx``: the beginning of MobileNet, then a projection for distances.

The projection turns what the beginning sees of cells of the training part to its principal axes and
gives each of them the same variance (PCA with whitening). Without it few axes, those of how dark a
cell is, would make the distance alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import onnx

from convert import artifacts, images, making
from convert import master as masters
from convert.images import Watch
from convert.onnx import onnx_file
from toolkit import served

FILE: Final = str(served.smear_features.FILE)
LAYER: Final = "conv_pw_5_relu"
"""The last layer of MobileNet that has 28 x 28 positions."""

FARTHEST: Final = 1e-3
"""How far a number of OpenCV's may be from Keras's; each has a standard deviation of 1."""


class FeaturesError(ValueError):
    """The data or the master gives no features; nothing was written."""


class Seen(NamedTuple):
    """One field with cells: what the networks see, and whose it is."""

    pixels: npt.NDArray[np.uint8]
    nuclei: npt.NDArray[np.uint8]


class Projection(NamedTuple):
    """What is multiplied, [c, WIDTH], and what is added, [WIDTH]."""

    kernel: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    share: float
    """The share of the variance that is kept."""


def make(master: Path, folder: Path, data: Path, most: int, watch: Watch) -> str:
    """Write ``features.onnx`` and its record; return a sentence for the user.

    Raises:
        FeaturesError, MasterError, DataError: it cannot be made; nothing was written.
    """
    stored = masters.load(master)
    try:
        trunk = stored.get_layer("mobilenet_features")
        layers = trunk.inputs[0], trunk.get_layer(LAYER).output
    except ValueError as error:
        raise FeaturesError(f"{master} is no MobileNet with a layer {LAYER}: {error}") from error
    pixels = keras.Input(stored.inputs[0].shape[1:], dtype="float32", name="PIXELS")
    start = keras.Model(pixels, keras.Model(*layers)(stored.get_layer("scale")(pixels)))
    fields = _read(images.paths(data, "train", most), watch)
    cells = np.concatenate(list(_cells(start, fields)))
    found = projection(cells, served.smear_features.WIDTH)
    whole = _projected(start, found)
    taken = keras.InputSpec(shape=(1, *whole.inputs[0].shape[1:]), dtype="float32", name="PIXELS")
    model = onnx_file.finished(onnx_file.simplified(whole, taken), artifacts.sha256(master))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{FILE}"
    onnx.save(model, path)
    try:
        farthest = _distance(path, whole, fields[:: max(1, len(fields) // 20)])
        if farthest > FARTHEST:
            raise FeaturesError(f"OpenCV is {farthest:.2g} off Keras, at most {FARTHEST:g}")
        path.replace(folder / FILE)
    finally:
        path.unlink(missing_ok=True)
    artifacts.write(
        folder,
        "features",
        [FILE],
        masters.record(master),
        layer=LAYER,
        fitted_to={
            "part": "train",
            "source": data.resolve().name,
            "fields": len(fields),
            "cells": len(cells),
            "variance_kept": round(found.share, 4),
        },
        farthest_from_keras=float(f"{farthest:.1g}"),
        versions=artifacts.versions(*making.TOOLS, "opencv-python-headless"),
    )
    return (
        f"fitted to {len(cells)} cells of {len(fields)} fields, {found.share:.1%} of the variance"
    )


def projection(cells: npt.NDArray[np.float32], width: int) -> Projection:
    """Return what turns cells [n, c] to their ``width`` first principal axes, each of variance 1.

    Raises:
        FeaturesError: there are too few cells, or they vary in too few ways.
    """
    if len(cells) <= cells.shape[1]:
        raise FeaturesError(f"{len(cells)} cells are too few to fit {cells.shape[1]} axes to")
    mean = cells.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(np.cov(cells - mean, rowvar=False, dtype=np.float64))
    variances, axes = variances[::-1], axes[:, ::-1]
    if variances[width - 1] <= 1e-6 * variances[0]:
        raise FeaturesError(f"these cells vary in fewer than {width} ways")
    kernel = axes[:, :width] / np.sqrt(variances[:width])
    return Projection(kernel, -mean @ kernel, float(variances[:width].sum() / variances.sum()))


def _read(paths: list[Path], watch: Watch) -> list[Seen]:
    """Return the fields that have cells."""
    decoded = (served.pixels.decode(data) for data in watch([path.read_bytes() for path in paths]))
    seen = [Seen(one.pixels, np.packbits(one.nuclei)) for one in decoded]
    fields = [one for one in seen if served.smear_features.of_field(*one)[2]]
    if not fields:
        raise FeaturesError("no field of the training part has a leukocyte")
    return fields


def _cells(start: keras.Model, fields: list[Seen]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield what the beginning sees of the cells of each field, [n, c]."""
    for first in range(0, len(fields), masters.BATCH):
        batch = fields[first : first + masters.BATCH]
        for field, maps in zip(batch, _maps(start, batch), strict=True):
            yield served.smear_features.pooled(maps, *served.smear_features.of_field(*field))


def _maps(model: keras.Model, fields: Sequence[Seen]) -> npt.NDArray[np.float32]:
    pixels = np.stack([field.pixels for field in fields]).astype(np.float32)
    return np.asarray(model.predict_on_batch(pixels))


def _projected(start: keras.Model, found: Projection) -> keras.Model:
    """Return PIXELS to maps of features, [n, side, side, 3] to [n, k, k, WIDTH]."""
    last = keras.layers.Dense(len(found.bias), name="features")
    whole = keras.Model(start.input, last(start.output))
    last.set_weights([found.kernel, found.bias])
    return whole


def _distance(path: Path, whole: keras.Model, fields: list[Seen]) -> float:
    features: Any = served.smear_features.Features(path)
    found = np.stack([features.maps(one.pixels) for one in fields])
    return float(np.abs(found - _maps(whole, fields)).max())
