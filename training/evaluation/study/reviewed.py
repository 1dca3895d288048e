"""What the served vote answers under a policy, and what is left when doubtful answers wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import CAM_SIDES, SUBTYPES
from toolkit import served
from training.evaluation.study.aligned import Aligned
from training.evaluation.study.voters import by_slide
from training.metrics import calibration, selective
from training.metrics.classification import BENIGN, Floats
from training.metrics.intervals import Resamples

# The vote's review does not depend on activation maps; it wants them for its heatmap alone.
CAMS = [np.zeros((side, side, len(SUBTYPES))) for side in CAM_SIDES.values()]


@dataclass(frozen=True)
class Decided:
    """The served vote's decisions on n images."""

    answers: npt.NDArray[np.int64]
    probabilities: Floats
    """[n, 4]"""
    ood: Floats
    """[n], 0 to 1."""
    reasons: tuple[tuple[str, ...], ...]

    @property
    def alone(self) -> npt.NDArray[np.bool_]:
        """[n], answers that ask for no review."""
        return np.array([not each for each in self.reasons], np.bool_)

    @property
    def confidence(self) -> Floats:
        """[n], of the label."""
        return calibration.confidence(self.probabilities, self.answers)


def decide(
    logits: Floats,
    quality: npt.NDArray[np.float32],
    folds: npt.NDArray[np.str_],
    policies: Mapping[str, Any],
) -> Decided:
    """Ask the served ``majority.decide`` about logits [3, n, 4], quality [n, Q] of folds [n]."""
    found = [
        served.majority.decide(logits[:, row], CAMS, quality[row], policies[fold])
        for row, fold in enumerate(folds.tolist())
    ]
    return Decided(
        np.array([served.majority.SUBTYPES.index(each.subtype) for each in found], np.int64),
        np.array([each.probabilities for each in found], np.float64).reshape(-1, len(SUBTYPES)),
        np.array([each.ood_score for each in found], np.float64),
        tuple(each.review for each in found),
    )


def figures(
    decided: Decided, targets: npt.NDArray[np.int64], draws: Resamples, slides: Mapping[str, Any]
) -> dict[str, Any]:
    """REVIEW of ``training.evaluation.figures``; ``slides`` gives the rows of each slide."""
    alone = decided.alone
    wrong_class = decided.answers != targets
    wrong_label = (decided.answers == BENIGN) != (targets == BENIGN)
    left = int(alone.sum())
    reasons = sorted({reason for each in decided.reasons for reason in each})
    table = {
        slide: {
            "class": SUBTYPES[int(np.bincount(targets[rows]).argmax())].value,
            "images": len(rows),
            "without_review": int(alone[rows].sum()),
            "wrong_class": int((alone & wrong_class)[rows].sum()),
            "wrong_label": int((alone & wrong_label)[rows].sum()),
        }
        for slide, rows in slides.items()
    }
    return {
        "images": len(targets),
        "review": 1 - left / len(targets),
        "coverage": left / len(targets),
        "reasons": {name: sum(name in each for each in decided.reasons) for name in reasons},
        "without_review": {
            "images": left,
            "wrong_class": int((alone & wrong_class).sum()),
            "wrong_label": int((alone & wrong_label).sum()),
            "wrong_class_share": _share(wrong_class[alone]),
            "wrong_label_share": _share(wrong_label[alone]),
            "malignant_called_benign": int((alone & wrong_label & (targets != BENIGN)).sum()),
            "benign_called_malignant": int((alone & wrong_label & (targets == BENIGN)).sum()),
        },
        "intervals": {
            "coverage": draws.interval(draws.means(alone)),
            "wrong_class_share": draws.interval(draws.means(wrong_class, alone)),
            "wrong_label_share": draws.interval(draws.means(wrong_label, alone)),
        },
        "slides": table,
    }


def way(aligned: Aligned, decided: Decided, draws: Resamples) -> dict[str, Any]:
    """REVIEW and the risk-coverage curves of one way."""
    wrong_class = decided.answers != aligned.targets
    wrong_label = (decided.answers == BENIGN) != (aligned.targets == BENIGN)
    # Answers that need no review go first; within both halves the least doubtful ones.
    least = np.minimum(decided.confidence, 1 - decided.ood)
    orders = {
        "confidence": decided.confidence,
        "ood": 1 - decided.ood,
        "policy": 2.0 * decided.alone + least,
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
