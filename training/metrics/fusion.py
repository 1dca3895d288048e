"""Makes one answer of three backbones, from their calibrated probabilities [3, n, 4]."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.metrics.classification import BENIGN, MALIGNANT, Floats

FUSIONS = ("majority", "mean", "weighted", "fuzzy_rank")

RANKED = 2
"""The fuzzy ranks take this many best classes of each backbone, as the authors' program does."""


class Fused(NamedTuple):
    """The answers of one fusion."""

    answers: npt.NDArray[np.int64]
    """[n], class indexes."""
    malignancy: Floats
    """[n], high for malignant: what the ROC and PR curves run over."""
    probabilities: Floats | None
    """[n, 4]; None where the fusion gives none."""


def majority(votes: npt.NDArray[np.int64], probabilities: Floats) -> Fused:
    """Apply the served rule (``model_repository/vote/1/majority.py``) to votes [3, n].

    The label is the majority over benign/malignant of the votes, the class the majority among the
    winning side's votes, ties to the highest mean probability. A vote is the argmax of the
    backbone's logits, which no temperature changes. Probabilities are the mean.
    """
    mean = probabilities.mean(0)
    malignant = (votes != BENIGN).sum(0) > len(votes) / 2
    counts = (votes[..., None] == np.arange(mean.shape[1])).sum(0)
    on_the_side = (np.arange(mean.shape[1]) != BENIGN) == malignant[:, None]
    # Votes count whole; a mean probability, below 1, only breaks their ties.
    rank = np.where(on_the_side & (counts > 0), counts + mean / 2, -1.0)
    return Fused(rank.argmax(1), 1 - mean[:, BENIGN], mean)


def mean(probabilities: Floats) -> Fused:
    """Choose the class of the highest mean probability."""
    return weighted(probabilities, np.full(len(probabilities), 1 / len(probabilities)))


def weighted(probabilities: Floats, weights: Floats) -> Fused:
    """Choose the class of the highest weighted mean probability; weights [3] or [3, n] sum to 1."""
    weights = np.broadcast_to(weights.reshape(len(weights), -1), probabilities.shape[:2])
    pooled = np.einsum("kn,knc->nc", weights, probabilities)
    return Fused(pooled.argmax(1), 1 - pooled[:, BENIGN], pooled)


def weights(probabilities: Floats, targets: npt.NDArray[np.int64], *, steps: int = 200) -> Floats:
    """Return the weights [3] of a linear opinion pool, fitted on validation rows.

    They have the highest likelihood of targets [n], found by expectation maximisation (a mixture
    of three fixed distributions, so there is one optimum), and are then drawn halfway to equal
    ones: some hundred fields of few groups cannot vouch for leaving a backbone out.
    """
    count = len(probabilities)
    likely = np.maximum(probabilities[:, np.arange(len(targets)), targets], 1e-12)
    mixture = np.full(count, 1 / count)
    for _ in range(steps if likely.size else 0):
        shares = mixture[:, None] * likely
        mixture = (shares / shares.sum(0)).mean(1)
    return (mixture + 1 / count) / 2


def fuzzy_rank(probabilities: Floats, ranked: int = RANKED) -> Fused:
    """Fuse by fuzzy rank with the Gompertz function (R. Kundu and others, Sci. Rep. 2021).

    Each backbone gives its ``ranked`` best classes the rank ``1 - exp(-exp(-2 p))``, low for a
    high p, and all others the penalty 1 - 1/e, the rank of p = 0. A class is scored by the sum
    of its ranks times one less the mean of its p (a p below the best ones counts as 0); the
    lowest score wins. The scores are no probabilities.
    """
    places = (-probabilities).argsort(-1, kind="stable").argsort(-1)
    kept = np.where(places < ranked, probabilities, 0.0)
    ranks = 1 - np.exp(-np.exp(-2 * kept))
    scores = ranks.sum(0) * (1 - kept.mean(0))
    malignancy = scores[:, BENIGN] - scores[:, MALIGNANT].min(1)
    return Fused(scores.argmin(1), malignancy, None)
