"""Scores of four-class answers and of the benign/malignant answer they imply."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES, Subtype

BENIGN = SUBTYPES.index(Subtype.BENIGN)


def confusion(targets: npt.ArrayLike, answers: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Counts int64 [4, 4]: row is the true class, column the answer."""
    table = np.zeros((len(SUBTYPES), len(SUBTYPES)), np.int64)
    np.add.at(table, (np.asarray(targets, int), np.asarray(answers, int)), 1)
    return table


def scores(targets: npt.ArrayLike, answers: npt.ArrayLike) -> dict[str, Any]:
    """All scores of int answers [n] against int targets [n]; None where a class is missing.

    Sensitivity is the share of malignant fields called malignant (of whichever stage),
    specificity that of benign fields called benign.
    """
    table = confusion(targets, answers)
    total = int(table.sum())
    present = table.sum(1) > 0
    recall = table.diagonal()[present] / table.sum(1)[present]
    malignant = np.arange(len(SUBTYPES)) != BENIGN
    sensitivity = _share(table[np.ix_(malignant, malignant)].sum(), table[malignant].sum())
    specificity = _share(table[BENIGN, BENIGN], table[BENIGN].sum())
    both = sensitivity is not None and specificity is not None
    right = table[BENIGN, BENIGN] + table[np.ix_(malignant, malignant)].sum()
    return {
        "images": total,
        "accuracy": _share(table.trace(), total),
        "balanced_accuracy": float(recall.mean()) if present.any() else None,
        "binary_accuracy": _share(right, total),
        "binary_balanced_accuracy": (sensitivity + specificity) / 2 if both else None,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "confusion": table.tolist(),
    }


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    scaled = np.asarray(logits, float) / temperature
    scaled = np.exp(scaled - scaled.max(-1, keepdims=True))
    return scaled / scaled.sum(-1, keepdims=True)


def nll(logits: npt.ArrayLike, targets: npt.NDArray[np.int64], temperature: float = 1.0) -> float:
    """Mean negative log likelihood, in nats, of logits [n, 4] over targets [n]."""
    scaled = np.asarray(logits, float) / temperature
    top = scaled.max(1)
    norm = top + np.log(np.exp(scaled - top[:, None]).sum(1))
    return float((norm - scaled[np.arange(len(targets)), targets]).mean())


def _share(part: int, total: int) -> float | None:
    return float(part / total) if total else None
