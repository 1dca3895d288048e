"""What the vote says about labelled fields before any threshold on how sure or strange it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from allclient.contract import CAM_SIDES, SUBTYPES
from toolkit import served

# The review does not depend on activation maps; the vote wants them for its heatmap alone.
_CAMS: Final = [np.zeros((side, side, len(SUBTYPES)), np.float32) for side in CAM_SIDES.values()]

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
    """Of the label."""
    subtype_confidence: npt.NDArray[np.float64]
    ood: npt.NDArray[np.float64]
    settled: Bools
    """Nothing but confidence or strangeness could ask for review."""
    units: npt.NDArray[np.str_]


def gather(rows: Rows, policy: Any) -> Evidence:
    """Ask the served vote about every row, by ``policy``'s temperatures, look and limits."""
    found = [
        served.majority.decide(rows.logits[:, row], _CAMS, rows.quality[row], policy)
        for row in range(len(rows.targets))
    ]
    answers = np.array([served.majority.SUBTYPES.index(each.subtype) for each in found], np.int64)
    probabilities = np.array([each.probabilities for each in found], np.float64)
    probabilities = probabilities.reshape(-1, len(SUBTYPES))
    malignant = answers != served.majority.BENIGN
    benign = probabilities[:, served.majority.BENIGN]
    laid_on = {served.majority.LOW_CONFIDENCE, served.majority.OUT_OF_DISTRIBUTION}
    return Evidence(
        malignant=malignant,
        wrong_label=malignant != (rows.targets != served.majority.BENIGN),
        wrong_class=answers != rows.targets,
        confidence=np.where(malignant, 1 - benign, benign),
        subtype_confidence=probabilities[np.arange(len(answers)), answers],
        ood=np.array([each.ood_score for each in found], np.float64),
        settled=np.array([set(each.review) <= laid_on for each in found], np.bool_),
        units=rows.units,
    )


def joined(parts: list[Evidence]) -> Evidence:
    """Several as one."""
    names = Evidence.__dataclass_fields__
    return Evidence(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})
