"""Asks the served vote about many fields, and holds its decisions as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES
from toolkit import served
from training.metrics import calibration
from training.metrics.classification import Floats


@dataclass(frozen=True)
class Decisions:
    """The served vote's decisions on n images."""

    answers: npt.NDArray[np.int64]
    """[n], class indexes of the subtypes."""
    probabilities: npt.NDArray[np.float64]
    """[n, 4]"""
    ood: npt.NDArray[np.float64]
    """[n], 0 to 1."""
    reasons: tuple[tuple[str, ...], ...]
    """The review reasons of each image."""

    @property
    def unreviewed(self) -> npt.NDArray[np.bool_]:
        """The answers that ask for no review, bool [n]."""
        return np.array([not each for each in self.reasons], np.bool_)

    @property
    def confidence(self) -> Floats:
        """The probability of the label, [n]."""
        return calibration.confidence(self.probabilities, self.answers)

    def take(self, rows: npt.NDArray[np.int64]) -> Decisions:
        """Return the decisions of some rows, in their order."""
        reasons = tuple(self.reasons[row] for row in rows.tolist())
        return Decisions(self.answers[rows], self.probabilities[rows], self.ood[rows], reasons)


def decide(
    logits: npt.NDArray[np.floating[Any]],
    quality: npt.NDArray[np.float32],
    policy: Any,
) -> Decisions:
    """Ask the served vote about logits [3, n, 4] and quality [n, Q].

    Args:
        policy: a ``majority.Policy``, or one for each field.
    """
    policies: Sequence[Any] = policy if isinstance(policy, Sequence) else [policy] * len(quality)
    decided = served.majority.decide_each(logits, quality, policies)
    return Decisions(
        np.array([served.majority.SUBTYPES.index(each.subtype) for each in decided], np.int64),
        np.array([each.probabilities for each in decided], np.float64).reshape(-1, len(SUBTYPES)),
        np.array([each.ood_score for each in decided], np.float64),
        tuple(each.review for each in decided),
    )
