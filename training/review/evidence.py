"""Gathers what the vote says of labelled fields before any threshold on confidence or OOD score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit import served
from training.review import decisions

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Labelled fields and what the three backbones said about them."""

    logits: npt.NDArray[np.floating[Any]]
    """[3, n, 4], in the order of BACKBONES."""
    targets: npt.NDArray[np.int64]
    """[n], class indexes."""
    quality: npt.NDArray[np.float32]
    """[n, Q], in the order of QUALITY_FIELDS."""
    units: npt.NDArray[np.str_]
    """[n]: fields of one unit (a slide left out, a group) stand or fall together."""


@dataclass(frozen=True)
class Evidence:
    """The vote's answers to n labelled fields, and what thresholds can be laid on."""

    malignant: Bools
    wrong_label: Bools
    wrong_class: Bools
    confidence: npt.NDArray[np.float64]
    """Confidence in the label."""
    subtype_confidence: npt.NDArray[np.float64]
    ood: npt.NDArray[np.float64]
    settled: Bools
    """Whether nothing but confidence or OOD score could ask for review."""
    units: npt.NDArray[np.str_]


def gather(rows: Rows, policy: Any) -> Evidence:
    """Ask the served vote about every row, by ``policy``'s temperatures, appearance and limits."""
    decided = decisions.decide(rows.logits, rows.quality, policy)
    answers = decided.answers
    malignant = answers != served.majority.BENIGN
    laid_on = {served.majority.LOW_CONFIDENCE, served.majority.OUT_OF_DISTRIBUTION}
    return Evidence(
        malignant=malignant,
        wrong_label=malignant != (rows.targets != served.majority.BENIGN),
        wrong_class=answers != rows.targets,
        confidence=decided.confidence,
        subtype_confidence=decided.probabilities[np.arange(len(answers)), answers],
        ood=decided.ood,
        settled=np.array([set(each) <= laid_on for each in decided.reasons], np.bool_),
        units=rows.units,
    )


def joined(parts: list[Evidence]) -> Evidence:
    """Join several into one."""
    names = Evidence.__dataclass_fields__
    return Evidence(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})
