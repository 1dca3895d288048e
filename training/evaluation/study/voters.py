"""Computes the figures of one voter: scores with intervals, curves, reliability, slides."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import BACKBONES, SUBTYPES
from training.evaluation.study.aligned import Aligned, Calibrated
from training.metrics import calibration, classification, compare, curves, fusion
from training.metrics.classification import BENIGN, Floats
from training.metrics.fusion import Fused
from training.metrics.intervals import Resamples

AGAINST = "majority"
"""The voter that every other one is compared with; the backbones also with each other."""


def voters(aligned: Aligned, calibrated: Calibrated) -> dict[str, Fused]:
    """Return what each backbone answers, and where all three are there, each fusion."""
    probabilities = calibrated.probabilities
    fused = {
        name: Fused(votes, 1 - own[:, BENIGN], own)
        for name, votes, own in zip(aligned.backbones, aligned.votes, probabilities, strict=True)
    }
    if len(aligned.backbones) == len(BACKBONES):
        fused["majority"] = fusion.majority(aligned.votes, probabilities)
        fused["mean"] = fusion.mean(probabilities)
        fused["weighted"] = fusion.weighted(probabilities, calibrated.row_weights)
        fused["fuzzy_rank"] = fusion.fuzzy_rank(probabilities)
    return fused


def figures(aligned: Aligned, fused: Fused, draws: Resamples) -> dict[str, Any]:
    """Return VOTER of ``training.evaluation.figures``."""
    targets, answers = aligned.targets, fused.answers
    table = classification.confusion(targets, answers)
    cells = np.zeros((len(targets), *table.shape))
    cells[np.arange(len(targets)), targets, answers] = 1
    scores: dict[str, Any] = classification.from_confusion(table)
    spread = classification.from_confusion(draws.sums(cells))
    roc, pr = curves.roc(targets, fused.malignancy), curves.pr(targets, fused.malignancy)
    scores |= {"roc_area": roc["area"] if roc else np.nan, "pr_area": pr["area"] if pr else np.nan}
    spread["roc_area"], spread["pr_area"] = curves.areas(targets, fused.malignancy, draws.weights)
    reliability = None
    if fused.probabilities is not None:
        reliability = _calibration(targets, answers, fused.probabilities, draws, scores, spread)
    else:
        scores |= dict.fromkeys(("ece", "ece_equal_mass", "brier", "nll", "label_brier"), np.nan)
    intervals = {name: draws.interval(values) for name, values in spread.items()}
    return {
        "scores": {name: classification.as_json(float(value)) for name, value in scores.items()},
        "intervals": {name: intervals.get(name) for name in scores},
        "confusion": table.tolist(),
        "classes": _classes(table),
        "roc": roc,
        "pr": pr,
        "reliability": reliability,
        **slides(aligned, answers),
    }


def label(
    targets: npt.NDArray[np.int64], fused: Fused, draws: Resamples
) -> dict[str, dict[str, Any]] | None:
    """Return ROC area and balanced accuracy of the label, where there are images of both."""
    malignant = targets != BENIGN
    if malignant.all() or not malignant.any():
        return None
    right = (fused.answers != BENIGN) == malignant
    sides = [
        (float(right[rows].mean()), draws.means(right, rows)) for rows in (malignant, ~malignant)
    ]
    roc = curves.roc(targets, fused.malignancy)
    areas, _ = curves.areas(targets, fused.malignancy, draws.weights)
    balanced = np.mean([drawn for _, drawn in sides], axis=0)
    return {
        "roc_area": {"value": roc["area"] if roc else None, "interval": draws.interval(areas)},
        "binary_balanced_accuracy": {
            "value": (sides[0][0] + sides[1][0]) / 2,
            "interval": draws.interval(balanced),
        },
    }


def _calibration(
    targets: npt.NDArray[np.int64],
    answers: npt.NDArray[np.int64],
    probabilities: Floats,
    draws: Resamples,
    scores: dict[str, Any],
    spread: dict[str, Floats],
) -> list[dict[str, Any]]:
    """Add the scores of the probabilities and their resamples; returns the reliability table."""
    right = (answers == BENIGN) == (targets == BENIGN)
    trust = calibration.confidence(probabilities, answers)
    wide = calibration.equal_width(trust, right)
    for name, bins in (("ece", wide), ("ece_equal_mass", calibration.equal_mass(trust, right))):
        columns = bins.columns()
        scores[name] = float(calibration.ece(columns.sum(0)))
        spread[name] = calibration.ece(draws.sums(columns))
    for name, values in (
        ("brier", calibration.brier(probabilities, targets)),
        ("nll", calibration.surprise(probabilities, targets)),
        ("label_brier", calibration.label_brier(probabilities, targets)),
    ):
        scores[name] = float(values.mean())
        spread[name] = draws.means(values)
    return wide.reliability()


def _classes(table: npt.NDArray[np.int64]) -> dict[str, Any]:
    columns = zip(
        *(each.tolist() for each in classification.by_class(table.astype(float))), strict=True
    )
    return {
        subtype.value: {
            "images": int(images),
            "precision": classification.as_json(precision),
            "recall": classification.as_json(recall),
            "f1": classification.as_json(f1),
        }
        for subtype, (images, recall, precision, f1) in zip(SUBTYPES, columns, strict=True)
    }


def slides(aligned: Aligned, answers: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return the scores of each slide by itself, and their means over slides."""
    table: dict[str, Any] = {}
    right_class = answers == aligned.targets
    right_label = (answers == BENIGN) == (aligned.targets == BENIGN)
    for slide, rows in by_slide(aligned).items():
        target = int(np.bincount(aligned.targets[rows]).argmax())
        table[slide] = {
            "class": SUBTYPES[target].value,
            "images": len(rows),
            "accuracy": float(right_class[rows].mean()),
            "binary_accuracy": float(right_label[rows].mean()),
        }

    def mean(name: str, benign: bool | None = None) -> float | None:
        picked = [
            each[name]
            for each in table.values()
            if benign is None or (each["class"] == SUBTYPES[BENIGN].value) == benign
        ]
        return float(np.mean(picked)) if picked else None

    sensitivity = mean("binary_accuracy", benign=False)
    specificity = mean("binary_accuracy", benign=True)
    balanced = None
    if sensitivity is not None and specificity is not None:
        balanced = (sensitivity + specificity) / 2
    return {
        "slides": table,
        "slide_mean": {
            "accuracy": mean("accuracy"),
            "sensitivity": sensitivity,
            "specificity": specificity,
            "binary_balanced_accuracy": balanced,
        },
    }


def by_slide(aligned: Aligned) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows of each slide that has a name."""
    names = sorted(set(aligned.slides.tolist()) - {""})
    return {name: np.flatnonzero(aligned.slides == name) for name in names}


def comparisons(
    aligned: Aligned, fused: dict[str, Fused], draws: Resamples
) -> list[dict[str, Any]]:
    """Return McNemar's test and the difference in accuracy, for the class and for the label."""
    alone = [name for name in fused if name in aligned.backbones]
    pairs = [(a, b) for place, a in enumerate(alone) for b in alone[place + 1 :]]
    if AGAINST in fused:
        pairs += [(AGAINST, name) for name in fused if name != AGAINST]
    table = []
    for question in ("class", "label"):
        right = {name: _right(question, aligned.targets, f.answers) for name, f in fused.items()}
        for first, second in pairs:
            test = compare.mcnemar(right[first], right[second])
            apart: Floats = right[first].astype(float) - right[second]
            table.append(
                {
                    "first": first,
                    "second": second,
                    "question": question,
                    "first_only_right": test.first_only,
                    "second_only_right": test.second_only,
                    "p": test.p,
                    "difference": float(apart.mean()),
                    "interval": draws.interval(draws.means(apart)),
                }
            )
    return table


def _right(
    question: str, targets: npt.NDArray[np.int64], answers: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    if question == "label":
        answers, targets = answers == BENIGN, targets == BENIGN
    right: npt.NDArray[np.bool_] = answers == targets
    return right
