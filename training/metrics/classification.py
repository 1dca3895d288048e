"""Scores four-class answers and the benign/malignant answer that they imply.

Every score follows from the confusion table, so a bootstrap needs only tables: the functions work
on any number of tables at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES, Subtype

BENIGN = SUBTYPES.index(Subtype.BENIGN)
MALIGNANT = [index for index in range(len(SUBTYPES)) if index != BENIGN]

Floats = npt.NDArray[np.float64]


def confusion(targets: npt.ArrayLike, answers: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the counts int64 [4, 4]: row is the true class, column the answer."""
    table = np.zeros((len(SUBTYPES), len(SUBTYPES)), np.int64)
    np.add.at(table, (np.asarray(targets, int), np.asarray(answers, int)), 1)
    return table


def scores(targets: npt.ArrayLike, answers: npt.ArrayLike) -> dict[str, Any]:
    """Return all scores of int answers [n] against int targets [n]; None if a class is missing."""
    table = confusion(targets, answers)
    by_name = {name: as_json(float(value)) for name, value in from_confusion(table).items()}
    return {"images": int(table.sum()), **by_name, "confusion": table.tolist()}


def from_confusion(tables: npt.ArrayLike) -> dict[str, Floats]:
    """Return the scores, each [...], of confusion tables [..., 4, 4]; NaN where not defined.

    Sensitivity is the share of malignant fields called malignant (of whichever stage),
    specificity that of benign fields called benign. Balanced accuracy (which is macro recall),
    macro precision and macro F1 are means over the classes that have a field; the precision of a
    class that was never answered is 0. MCC is Gorodkin's coefficient for several classes.
    """
    tables = np.asarray(tables, np.float64)
    total = tables.sum((-1, -2))
    _, recall, precision, f1 = by_class(tables)
    two = _binary(tables)
    negative, positive = two[..., 0, :], two[..., 1, :]
    specificity = _share(negative[..., 0], negative.sum(-1))
    sensitivity = _share(positive[..., 1], positive.sum(-1))
    called = two[..., 1].sum(-1)
    return {
        "accuracy": _share(np.trace(tables, axis1=-2, axis2=-1), total),
        "balanced_accuracy": _mean(recall),
        "macro_precision": _mean(precision),
        "macro_f1": _mean(f1),
        "mcc": mcc(tables),
        "binary_accuracy": _share(np.trace(two, axis1=-2, axis2=-1), total),
        "binary_balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "malignant_precision": _share(positive[..., 1], called),
        "malignant_f1": _share(2 * positive[..., 1], positive.sum(-1) + called),
        "binary_mcc": mcc(two),
    }


def by_class(tables: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the fields, recall, precision and F1, each [..., k], of tables [..., k, k].

    Recall, precision and F1 of a class without fields are NaN.
    """
    right = np.diagonal(tables, axis1=-2, axis2=-1)
    fields, answered = tables.sum(-1), tables.sum(-2)
    present = fields > 0
    precision = np.where(answered > 0, right / np.maximum(answered, 1), 0.0)
    return (
        fields,
        _share(right, fields),
        np.where(present, precision, np.nan),
        np.where(present, 2 * right / np.maximum(fields + answered, 1), np.nan),
    )


def mcc(tables: Floats) -> Floats:
    """Return the Matthews correlation [...] of tables [..., k, k] (J. Gorodkin, 2004).

    It is NaN where all fields are of one class or all answers are.
    """
    total = tables.sum((-1, -2))
    fields, answered = tables.sum(-1), tables.sum(-2)
    together = total * np.trace(tables, axis1=-2, axis2=-1) - (fields * answered).sum(-1)
    apart = (total**2 - (fields**2).sum(-1)) * (total**2 - (answered**2).sum(-1))
    return _share(together, np.sqrt(apart))


def _binary(tables: Floats) -> Floats:
    """Return the tables [..., 2, 2] of benign and malignant."""
    rows = np.stack([tables[..., BENIGN, :], tables[..., MALIGNANT, :].sum(-2)], -2)
    return np.stack([rows[..., BENIGN], rows[..., MALIGNANT].sum(-1)], -1)


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Floats:
    """Return the probabilities over the last axis of logits, divided by ``temperature``."""
    scaled = np.asarray(logits, float) / temperature
    scaled = np.exp(scaled - scaled.max(-1, keepdims=True))
    probabilities: Floats = scaled / scaled.sum(-1, keepdims=True)
    return probabilities


def nll(logits: npt.ArrayLike, targets: npt.NDArray[np.int64], temperature: float = 1.0) -> float:
    """Return the mean negative log likelihood, in nats, of logits [n, 4] over targets [n]."""
    scaled = np.asarray(logits, float) / temperature
    top = scaled.max(1)
    norm = top + np.log(np.exp(scaled - top[:, None]).sum(1))
    return float((norm - scaled[np.arange(len(targets)), targets]).mean())


def as_json(value: float) -> float | None:
    """Return null for what is not defined, since JSON has no NaN."""
    return None if math.isnan(value) else value


def _share(part: npt.ArrayLike, total: npt.ArrayLike) -> Floats:
    part, total = np.asarray(part, np.float64), np.asarray(total, np.float64)
    shares: Floats = np.divide(part, total, out=np.full(np.shape(part), np.nan), where=total > 0)
    return shares


def _mean(values: Floats) -> Floats:
    """Return the mean over the last axis of what is defined."""
    defined = ~np.isnan(values)
    return _share(np.where(defined, values, 0).sum(-1), defined.sum(-1))
