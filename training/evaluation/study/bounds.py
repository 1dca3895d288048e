"""Counts what would go without review under other bounds than the policy's.

Two bounds are not chosen by the fields that choose the rest of a policy: how many leukocytes an
answer needs, and how unlike the known images a field of a malignant answer may be
(``training.review.quality_limits.FEWEST``, ``training.review.thresholds.MAX_OOD_SCORE``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from allclient.contract import QUALITY_FIELDS, Label
from training.evaluation.study import reviewed
from training.evaluation.study.aligned import Aligned
from training.metrics import selective
from training.metrics.classification import BENIGN

LEUKOCYTES: Final = (1, 2, 3, 4)
OOD_SCORES: Final = (0.95, 0.97, 0.99, 0.995)


def figures(aligned: Aligned, policies: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return BOUNDS of ``training.evaluation.figures``: every pair of bounds and what it gives.

    Args:
        policies: by fold; what else they ask for holds.
    """
    opened = {
        fold: dataclasses.replace(
            policy,
            few_limits=(),
            ood_review_above={**policy.ood_review_above, Label.MALIGNANT.value: 1.0},
        )
        for fold, policy in policies.items()
    }
    decided = reviewed.decide(aligned.logits, aligned.quality, aligned.folds, opened)
    malignant = decided.answers != BENIGN
    wrong = malignant != (aligned.targets != BENIGN)
    leukocytes = aligned.quality[:, QUALITY_FIELDS.index("leukocytes")]
    found = []
    for fewest in LEUKOCYTES:
        for most in OOD_SCORES:
            given = decided.unreviewed & (leukocytes >= fewest)
            given &= ~malignant | (decided.ood <= most)
            counts = selective.counts(given, wrong, wrong)
            found.append(
                {
                    "leukocytes": fewest,
                    "ood_score": most,
                    "without_review": counts["without_review"],
                    "wrong_label": counts["wrong_label"],
                }
            )
    return found
