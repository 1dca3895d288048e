"""Puts the predictions of all backbones side by side, on the images that all of them answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from allclient.contract import QUALITY_FIELDS
from training.evaluation.predictions import Predictions, PredictionsError
from training.metrics import fusion
from training.metrics.classification import Floats, softmax
from training.review import temperature_scaling

SAME_QUALITY = 1e-3
"""Quality values of one image differ by no more than this (relative) between two machines."""


class Validation(NamedTuple):
    """The validation rows of one fold."""

    logits: Floats
    """[k, m, 4]"""
    targets: npt.NDArray[np.int64]
    quality: npt.NDArray[np.float32]
    """[m, Q]"""


@dataclass(frozen=True)
class Aligned:
    """The test rows of one protocol; arrays as in ``Predictions``, with the backbones in front."""

    protocol: str
    backbones: tuple[str, ...]
    paths: npt.NDArray[np.str_]
    targets: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]
    slides: npt.NDArray[np.str_]
    folds: npt.NDArray[np.str_]
    logits: Floats
    """[k, n, 4]"""
    quality: npt.NDArray[np.float32]
    """[n, Q]"""
    nuclei_heat: npt.NDArray[np.float32]
    """[k, n, 3]"""
    val: Mapping[str, Validation]
    """By fold."""
    missing: tuple[str, ...]
    """What had to be left out, in words."""
    rows: npt.NDArray[np.int64]
    """[k, n]: where each row stands in each backbone's predictions."""

    @property
    def votes(self) -> npt.NDArray[np.int64]:
        """The class that each backbone names, as class indexes [k, n]."""
        votes: npt.NDArray[np.int64] = self.logits.argmax(-1)
        return votes


@dataclass(frozen=True)
class Calibrated:
    """Temperatures and weights by fold, and the test probabilities that they give."""

    temperatures: Mapping[str, Floats]
    """By fold, [k]."""
    weights: Mapping[str, Floats]
    """By fold, [k], of the fusion "weighted"."""
    probabilities: Floats
    """[k, n, 4]"""
    row_weights: Floats
    """[k, n]"""


def align(by_backbone: Mapping[str, Predictions]) -> Aligned:
    """Put the predictions of one protocol side by side.

    Raises:
        PredictionsError: they have no test image in common, were made from different images or
            by an older preprocessing, or an image is in two tests.
    """
    predictions = list(by_backbone.values())
    keys = [each.keys() for each in predictions]
    places = [{key: row for row, key in enumerate(own)} for own in keys]
    common = [key for key in keys[0] if all(key in place for place in places)]
    rows = np.array([[place[key] for key in common] for place in places], np.int64)
    first = predictions[0]
    for other, own in zip(predictions[1:], rows[1:], strict=True):
        _check_same(first, other, rows[0], own)
    test = first.parts[rows[0]] == "test"
    if not test.any():
        raise PredictionsError(
            f"{first.protocol}: no test image was answered by all of {', '.join(by_backbone)}"
        )
    if first.quality.shape[1] != len(QUALITY_FIELDS):
        raise PredictionsError(
            f"{first.protocol}: the predictions hold other quality values than today's "
            f"{len(QUALITY_FIELDS)}; python -m training evaluate makes them again"
        )
    if len(set(first.paths[rows[0]][test].tolist())) < test.sum():
        raise PredictionsError(
            f"{first.protocol}: an image is in the test part of two folds, so it would count "
            "twice; evaluate folds that leave out different slides"
        )
    logits = np.stack([each.logits[own] for each, own in zip(predictions, rows, strict=True)])
    logits = logits.astype(np.float64)
    folds = first.folds[rows[0]]
    val = {}
    for fold in dict.fromkeys(folds[test].tolist()):
        chosen = ~test & (folds == fold)
        own = rows[0][chosen]
        val[fold] = Validation(logits[:, chosen], first.targets[own], first.quality[own])
    heat = np.stack([each.nuclei_heat[own] for each, own in zip(predictions, rows, strict=True)])
    kept = rows[0][test]
    return Aligned(
        protocol=first.protocol,
        backbones=tuple(by_backbone),
        paths=first.paths[kept],
        targets=first.targets[kept],
        groups=first.groups[kept],
        slides=first.slides[kept],
        folds=first.folds[kept],
        logits=logits[:, test],
        quality=first.quality[kept],
        nuclei_heat=heat[:, test],
        val=val,
        missing=_missing(by_backbone, set(common)),
        rows=rows[:, test],
    )


def _check_same(
    first: Predictions,
    other: Predictions,
    rows: npt.NDArray[np.int64],
    others: npt.NDArray[np.int64],
) -> None:
    same = (
        (first.targets[rows] == other.targets[others]).all()
        and first.quality.shape[1] == other.quality.shape[1]
        and np.allclose(
            first.quality[rows], other.quality[others], rtol=SAME_QUALITY, atol=SAME_QUALITY
        )
    )
    if not same:
        raise PredictionsError(
            f"{first.protocol}: {first.backbone} and {other.backbone} were evaluated on different "
            "images or with another preprocessing; evaluate both again"
        )


def _missing(
    by_backbone: Mapping[str, Predictions], common: set[tuple[str, str, str]]
) -> tuple[str, ...]:
    """Return the folds that a backbone lacks, and single images that are not common to all."""
    union = dict.fromkeys(fold for each in by_backbone.values() for fold in each.folds.tolist())
    missing, lacking = [], set()
    for name, each in by_backbone.items():
        absent = [fold for fold in union if fold not in set(each.folds.tolist())]
        lacking |= set(absent)
        missing += [f"{name}: fold {fold}" for fold in absent]
    for name, each in by_backbone.items():
        alone = sum(
            fold not in lacking and key not in common
            for key, fold in zip(each.keys(), each.folds.tolist(), strict=True)
        )
        if alone:
            missing.append(f"{alone} images that {name} answered and another backbone did not")
    return tuple(missing)


def calibrate_rows(aligned: Aligned, temperature: Mapping[str, float], *, own: bool) -> Calibrated:
    """Return the probabilities at the temperature of each backbone, weights from validation.

    Args:
        temperature: by backbone, of the policy.
        own: fit a temperature on each fold's own validation rows instead, since the backbones of
            that fold are not those that the policy was fitted for.
    """
    served = np.array([temperature[name] for name in aligned.backbones])
    temperatures, weights = {}, {}
    probabilities = np.empty_like(aligned.logits)
    row_weights = np.empty(aligned.logits.shape[:2])
    for fold, (logits, targets, _) in aligned.val.items():
        fit = own and len(targets) > 0
        fitted = (
            np.array([temperature_scaling.temperature(e, targets) for e in logits])
            if fit
            else served
        )
        weight = fusion.weights(softmax(logits / fitted[:, None, None]), targets)
        rows = aligned.folds == fold
        probabilities[:, rows] = softmax(aligned.logits[:, rows] / fitted[:, None, None])
        row_weights[:, rows] = weight[:, None]
        temperatures[fold], weights[fold] = fitted, weight
    return Calibrated(temperatures, weights, probabilities, row_weights)
