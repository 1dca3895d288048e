"""How well cells and fields of a laboratory are told apart, with intervals over groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from training.laboratories.table import Bools, Cells
from training.metrics import calibration, curves, intervals
from training.metrics.classification import Floats

TINY = 1e-12
MANY, FEWER_RESAMPLES = 5000, 200
"""Of so many units fewer resamples are drawn, which take long."""


@dataclass(frozen=True)
class Units:
    """What is judged: fields and pictures of single cells, n of them."""

    logits: Floats
    """[n], above 0 is malignant: those of the mean of the cells' probabilities, which one odd cell
    moves less than it moves a mean of logits."""
    malignant: npt.NDArray[np.int64]
    group: npt.NDArray[np.str_]


def fields(cells: Cells, logits: Floats, rows: Bools) -> Units:
    """Every picture with a cell in ``rows`` [m], by the mean probability of these."""
    place, inverse, counts = np.unique(
        cells.crops.of[rows], return_inverse=True, return_counts=True
    )
    pictures = [cells.pictures[index] for index in place]
    share = np.bincount(inverse.reshape(-1), expit(logits[rows])) / counts
    return Units(
        logit(share.clip(TINY, 1 - TINY)),
        np.array([int(bool(picture.malignant)) for picture in pictures]),
        np.array([f"{picture.source}/{picture.group}" for picture in pictures]),
    )


def single(cells: Cells, logits: Floats, rows: Bools) -> Units:
    """Every cell in ``rows`` [m] by itself, with the label of its picture."""
    return Units(logits[rows], cells.malignant[rows], cells.group[rows])


def together(cells: Cells, logits: Floats, rows: Bools, count: int, seed: int = 0) -> Units:
    """Every ``count`` cells in ``rows`` [m] of one group and label, by their mean probability.

    So single-cell pictures are read as the cells of a field are. What is left over of a group is
    not judged.
    """
    rng = np.random.default_rng(seed)
    group, malignant = cells.group, cells.malignant
    found: list[tuple[float, int, str]] = []
    for name, label in sorted({*zip(group[rows].tolist(), malignant[rows].tolist(), strict=True)}):
        members = rng.permutation(np.flatnonzero(rows & (group == name) & (malignant == label)))
        for bag in members[: len(members) // count * count].reshape(-1, count):
            found.append((float(expit(logits[bag]).mean()), label, name))
    share = np.array([each[0] for each in found]).clip(TINY, 1 - TINY)
    return Units(
        logit(share), np.array([each[1] for each in found]), np.array([each[2] for each in found])
    )


def judged(units: Units) -> dict[str, Any]:
    """Return AUROC, balanced accuracy, ECE and the share called malignant, with intervals.

    A score that needs both labels is None where there is one.
    """
    count = intervals.RESAMPLES if len(units.logits) < MANY else FEWER_RESAMPLES
    draws = intervals.resample(units.group, units.malignant, count=count)
    called = units.logits > 0
    found: dict[str, Any] = {
        "pictures": len(called),
        "malignant": int(units.malignant.sum()),
        "groups": len(np.unique(units.group)),
        "called_malignant": _with(float(called.mean()), draws.interval(draws.means(called))),
        "auroc": None,
        "balanced_accuracy": None,
        "ece": _with(*_ece(units, draws)),
    }
    if 0 < units.malignant.sum() < len(called):
        curve = curves.roc(units.malignant, units.logits)
        areas, _ = curves.areas(units.malignant, units.logits, draws.weights)
        found["auroc"] = _with(curve["area"] if curve else None, draws.interval(areas))
        right = called == (units.malignant == 1)
        sides = [draws.means(right, units.malignant == label) for label in (0, 1)]
        usual = [float(right[units.malignant == label].mean()) for label in (0, 1)]
        found["balanced_accuracy"] = _with(sum(usual) / 2, draws.interval(np.mean(sides, axis=0)))
        found["sensitivity"], found["specificity"] = usual[1], usual[0]
    return found


def _ece(units: Units, draws: intervals.Resamples) -> tuple[float, list[float] | None]:
    """Return how far confidence is from being right, on average over its bins."""
    probability = expit(units.logits)
    right = (units.logits > 0) == (units.malignant == 1)
    bins = calibration.equal_mass(np.maximum(probability, 1 - probability), right)
    columns = bins.columns()
    drawn = calibration.ece(draws.sums(columns))
    return float(calibration.ece(columns.sum(0))), draws.interval(drawn)


def _with(value: float | None, interval: list[float] | None) -> dict[str, Any]:
    return {"value": value, "interval": interval}
