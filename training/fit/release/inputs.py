"""Compares what a backbone could be shown: one linear head on early features of each picture.

Only fields are used, without views, so that nothing but the picture differs: in their colours,
after stain normalisation (``training.augment.normalise``), in optical density, and in density with
leukocytes alone, which is what is served. Averages go over whole fields, since only the last has
blank parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from allclient.contract import SIDE
from toolkit import served
from training.augment import normalise
from training.data import protocols
from training.data.samples import DatasetError, Sample, every
from training.fit import images
from training.fit.release import discriminant
from training.fit.release.recipe import HeadRecipe
from training.metrics import classification
from training.models import backbones

BATCH = 16
EVERY = 10
"""Every tenth training field belongs to the reference of normalisation."""

Show = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]


def compare(
    root: Path, backbone: str, recipe: HeadRecipe, weights: str
) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """Yield each input's name and its scores by protocol: known slides, and slides left out.

    Raises:
        DatasetError: the images cannot be split so, or one cannot be read.
        BackboneError, WeightsError: as of ``backbones.trunk``.
        ValueError: the recipe has no taps.
    """
    if not recipe.taps:
        raise ValueError(f"inputs are compared by a head on taps, and {backbone} has none")
    samples = every(root)
    folds = {protocol: protocols.folds(root, protocol) for protocol in ("known", "slides")}
    fields = images.in_colour(samples, nuclei=False).pixels
    model, _ = backbones.trunk(backbone, recipe.taps, weights=weights)
    rows = {sample.path: row for row, sample in enumerate(samples)}
    for name, show in _inputs(fields, rows, folds["known"][0], samples).items():
        features = _features(model, fields, show)[:, None]
        yield (
            name,
            {
                protocol: _scored(features, rows, folds[protocol], recipe.ridge)
                for protocol in folds
            },
        )


def _inputs(
    fields: npt.NDArray[np.uint8],
    rows: dict[Path, int],
    known: protocols.Fold,
    samples: Sequence[Sample],
) -> dict[str, Show]:
    tested = set(protocols.testable(samples))
    reference = [s for s in known.parts["train"] if s.slide not in tested][::EVERY]
    if not reference:
        raise DatasetError("every slide is left out once, so none can be the stain's reference")
    seen = [fields[rows[sample.path]] for sample in reference]
    render = served.pixels.render
    everything = np.ones((SIDE, SIDE), bool)
    return {
        "colour": normalise.fit("none", seen),
        "Macenko": normalise.fit("macenko", seen),
        "Reinhard": normalise.fit("reinhard", seen),
        "density": lambda field: render(field, everything),
        "density, leukocytes alone": render,
    }


def _features(
    model: keras.Model, fields: npt.NDArray[np.uint8], show: Show
) -> npt.NDArray[np.float32]:
    """Return averages of the maps and of their squares, float32 [n, 2 * channels of all taps]."""
    parts = []
    for start in range(0, len(fields), BATCH):
        shown = np.stack([show(field) for field in fields[start : start + BATCH]])
        maps = keras.tree.flatten(model.predict_on_batch(shown))
        averages = [each.mean((1, 2)) for one in maps for each in (one, one * one)]
        parts.append(np.concatenate(averages, axis=1))
    return np.concatenate(parts)


def _scored(
    features: npt.NDArray[np.float32],
    rows: dict[Path, int],
    folds: Sequence[protocols.Fold],
    ridge: float,
) -> dict[str, Any]:
    targets, answers = [], []
    for fold in folds:
        train, test = fold.parts["train"], fold.parts["test"]
        kernel, bias = discriminant.fit(features[[rows[s.path] for s in train]], train, ridge)
        logits = features[[rows[s.path] for s in test], 0] @ kernel + bias
        targets += [sample.target for sample in test]
        answers += logits.argmax(1).tolist()
    return classification.scores(targets, answers)
