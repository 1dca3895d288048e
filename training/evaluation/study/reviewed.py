"""Counts what the served vote answers under a policy, and how much of it goes without review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES
from training.evaluation.study.aligned import Aligned
from training.evaluation.study.voters import by_slide
from training.metrics import selective
from training.metrics.classification import BENIGN, Floats
from training.metrics.intervals import Resamples
from training.review import decisions
from training.review.decisions import Decisions


def decide(
    logits: Floats,
    quality: npt.NDArray[np.float32],
    folds: npt.NDArray[np.str_],
    policies: Mapping[str, Any],
) -> Decisions:
    """Return decisions about logits [3, n, 4] and quality [n, Q], by the policy of each fold.

    ``folds`` [n] names the fold of each row.
    """
    return decisions.decide(logits, quality, [policies[fold] for fold in folds.tolist()])


def figures(
    decided: Decisions, targets: npt.NDArray[np.int64], draws: Resamples, slides: Mapping[str, Any]
) -> dict[str, Any]:
    """Return REVIEW of ``training.evaluation.figures``; ``slides`` gives the rows of each slide."""
    unreviewed = decided.unreviewed
    wrong_class = decided.answers != targets
    wrong_label = (decided.answers == BENIGN) != (targets == BENIGN)
    counts = selective.counts(unreviewed, wrong_class, wrong_label)
    answered = counts.pop("without_review")
    reasons = sorted({reason for each in decided.reasons for reason in each})
    table = {
        slide: {
            "class": SUBTYPES[int(np.bincount(targets[rows]).argmax())].value,
            "images": len(rows),
            **selective.counts(unreviewed[rows], wrong_class[rows], wrong_label[rows]),
        }
        for slide, rows in slides.items()
    }
    return {
        "images": len(targets),
        "review": 1 - answered / len(targets),
        "coverage": answered / len(targets),
        "reasons": {name: sum(name in each for each in decided.reasons) for name in reasons},
        "without_review": {
            "images": answered,
            **counts,
            "wrong_class_share": _share(wrong_class[unreviewed]),
            "wrong_label_share": _share(wrong_label[unreviewed]),
            "malignant_called_benign": int((unreviewed & wrong_label & (targets != BENIGN)).sum()),
            "benign_called_malignant": int((unreviewed & wrong_label & (targets == BENIGN)).sum()),
        },
        "intervals": {
            "coverage": draws.interval(draws.means(unreviewed)),
            "wrong_class_share": draws.interval(draws.means(wrong_class, unreviewed)),
            "wrong_label_share": draws.interval(draws.means(wrong_label, unreviewed)),
        },
        "slides": table,
    }


def protocol(aligned: Aligned, decided: Decisions, draws: Resamples) -> dict[str, Any]:
    """Return REVIEW and the risk-coverage curves of one protocol."""
    wrong_class = decided.answers != aligned.targets
    wrong_label = (decided.answers == BENIGN) != (aligned.targets == BENIGN)
    # Answers that need no review go first; within both halves those that are sure and like the
    # known images.
    least = np.minimum(decided.confidence, 1 - decided.ood)
    orders = {
        "confidence": decided.confidence,
        "ood": 1 - decided.ood,
        "policy": 2.0 * decided.unreviewed + least,
    }
    curves = {}
    for name, trust in orders.items():
        coverage, class_risk = selective.curve(trust, wrong_class)
        curves[name] = {
            "coverage": coverage,
            "class_risk": class_risk,
            "label_risk": selective.curve(trust, wrong_label)[1],
            "class_aurc": selective.aurc(trust, wrong_class),
            "label_aurc": selective.aurc(trust, wrong_label),
        }
    review = figures(decided, aligned.targets, draws, by_slide(aligned))
    return {"coverage": curves, "review": review}


def _share(values: npt.NDArray[np.bool_]) -> float | None:
    return float(values.mean()) if len(values) else None
