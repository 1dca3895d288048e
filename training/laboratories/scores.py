"""How well cells and fields of a laboratory are told apart, with intervals over groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from training.laboratories.table import Bools, Cells
from training.metrics import curves, intervals
from training.metrics.classification import Floats

TINY = 1e-12


@dataclass(frozen=True)
class Units:
    """What is judged: fields and pictures of single cells, n of them."""

    logits: Floats
    """[n], above 0 is malignant: those of the mean of the cells' probabilities, which one odd cell
    moves less than it moves a mean of logits."""
    malignant: npt.NDArray[np.int64]
    group: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    cells: npt.NDArray[np.int64]
    """How many cells each has."""


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
        np.array([picture.source for picture in pictures]),
        counts,
    )


def judged(units: Units) -> dict[str, Any]:
    """Return AUROC, balanced accuracy and the share called malignant, each with its interval.

    A score that needs both labels is None where there is one.
    """
    draws = intervals.resample(units.group, units.malignant)
    called = units.logits > 0
    found: dict[str, Any] = {
        "pictures": len(called),
        "malignant": int(units.malignant.sum()),
        "groups": len(np.unique(units.group)),
        "called_malignant": _with(float(called.mean()), draws.interval(draws.means(called))),
        "auroc": None,
        "balanced_accuracy": None,
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


def _with(value: float | None, interval: list[float] | None) -> dict[str, Any]:
    return {"value": value, "interval": interval}
