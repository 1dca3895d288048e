"""Counts what would go without review under other bounds than the policy's.

Two bounds are not chosen by the fields that choose the rest of a policy: how many leukocytes an
answer needs, and how unlike the known images a field of a malignant answer may be
(``training.review.quality_limits.FEWEST``, ``training.review.thresholds.MAX_OOD_SCORE``).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from allclient.contract import QUALITY_FIELDS
from toolkit import served
from training.evaluation.study.aligned import Aligned
from training.metrics import selective
from training.metrics.classification import BENIGN
from training.review.decisions import Decisions

FEW_LEUKOCYTES: Final = served.majority.FEW_LEUKOCYTES
OUT_OF_DISTRIBUTION: Final = served.majority.OUT_OF_DISTRIBUTION

LEUKOCYTES: Final = (1, 2, 3, 4)
OOD_SCORES: Final = (0.95, 0.97, 0.99, 0.995)


def figures(aligned: Aligned, decided: Decisions) -> list[dict[str, Any]]:
    """Return BOUNDS of ``training.evaluation.figures``: every pair of bounds and what it gives.

    Args:
        decided: on the rows of ``aligned``, by the policy; what else it asks for holds.
    """
    malignant = decided.answers != BENIGN
    bounded = {FEW_LEUKOCYTES, OUT_OF_DISTRIBUTION}
    free = np.array([bounded.issuperset(each) for each in decided.reasons], np.bool_)
    near = np.array([OUT_OF_DISTRIBUTION not in each for each in decided.reasons], np.bool_)
    wrong = malignant != (aligned.targets != BENIGN)
    leukocytes = aligned.quality[:, QUALITY_FIELDS.index("leukocytes")]
    found = []
    for fewest in LEUKOCYTES:
        for most in OOD_SCORES:
            given = free & (leukocytes >= fewest)
            given &= np.where(malignant, decided.ood <= most, near)
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
