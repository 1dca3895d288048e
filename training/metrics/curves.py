"""Computes ROC and precision-recall curves of the malignant label, and the areas under them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sklearn

from training.metrics.classification import BENIGN, Floats

POINTS = 200
"""A stored curve has at most this many points; the areas are taken from all of them."""


def roc(targets: npt.NDArray[np.int64], malignancy: Floats) -> dict[str, Any] | None:
    """Return the ROC curve of a score [n] that is high for malignant; None if there is no label."""
    truth = targets != BENIGN
    if truth.all() or not truth.any():
        return None
    fpr, tpr, _ = sklearn.roc_curve(truth, malignancy)
    return {
        "area": float(sklearn.roc_auc_score(truth, malignancy)),
        "fpr": _thin(fpr),
        "tpr": _thin(tpr),
    }


def pr(targets: npt.NDArray[np.int64], malignancy: Floats) -> dict[str, Any] | None:
    """Return the precision-recall curve of malignant, and average precision.

    It is None if a label is missing.
    """
    truth = targets != BENIGN
    if truth.all() or not truth.any():
        return None
    precision, recall, _ = sklearn.precision_recall_curve(truth, malignancy)
    return {
        "area": float(sklearn.average_precision_score(truth, malignancy)),
        "recall": _thin(recall[::-1]),
        "precision": _thin(precision[::-1]),
    }


def areas(
    targets: npt.NDArray[np.int64], malignancy: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Return ROC area and average precision, each [m], under m weightings [m, n] of the rows.

    scikit-learn's functions take one weighting at a time; a bootstrap needs a thousand.
    """
    order = np.argsort(malignancy, kind="stable")[::-1]
    # Rows of one score pass every threshold together.
    starts = np.flatnonzero(np.diff(malignancy[order], prepend=np.inf))
    truth = (targets != BENIGN)[order]
    weights = weights[:, order]
    positive = np.add.reduceat(weights * truth, starts, axis=1)
    negative = np.add.reduceat(weights * ~truth, starts, axis=1)
    hits, alarms = positive.cumsum(1), negative.cumsum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A malignant row wins against every benign row below it, and half against its equals.
        won = (positive * (alarms[:, -1:] - alarms + negative / 2)).sum(1)
        roc_areas = won / (hits[:, -1] * alarms[:, -1])
        precision = np.nan_to_num(hits / (hits + alarms))
        pr_areas = (positive * precision).sum(1) / hits[:, -1]
    one_label = alarms[:, -1] == 0
    return roc_areas, np.where(one_label, np.nan, pr_areas)


def _thin(values: Floats) -> list[float]:
    picked = np.unique(np.linspace(0, len(values) - 1, POINTS).round().astype(int))
    return [round(float(value), 5) for value in values[picked]]
