"""Measures whether probabilities mean what they say: ECE, reliability, Brier scores.

Confidence here is that of the label: ``p(benign)`` for an answer benign, ``1 - p(benign)`` else.
Where the majority of votes goes against the mean probability it can lie below one half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES
from training.metrics.classification import BENIGN, Floats

BINS = 15


def confidence(probabilities: Floats, answers: npt.NDArray[np.int64]) -> Floats:
    """Return the confidence in the label that answers [n] imply, by probabilities [n, 4]."""
    benign = probabilities[:, BENIGN]
    return np.where(answers == BENIGN, benign, 1 - benign)


@dataclass(frozen=True)
class Bins:
    """Rows sorted into bins by their confidence."""

    edges: Floats
    """[bins + 1], rising."""
    place: npt.NDArray[np.int64]
    """[n], the bin of each row."""
    confidence: Floats
    right: npt.NDArray[np.bool_]

    def columns(self) -> Floats:
        """Return row, confidence and correctness in the row's bin, [n, bins, 3]; sums give ECE."""
        columns = np.zeros((len(self.place), len(self.edges) - 1, 3))
        values = np.stack([np.ones(len(self.place)), self.confidence, self.right], 1)
        columns[np.arange(len(self.place)), self.place] = values
        return columns

    def reliability(self) -> list[dict[str, Any]]:
        """Return the mean confidence and share right of each bin; None where a bin is empty."""
        table = []
        for low, high, (count, confidence, right) in zip(
            self.edges[:-1], self.edges[1:], self.columns().sum(0), strict=True
        ):
            table.append(
                {
                    "low": float(low),
                    "high": float(high),
                    "images": int(count),
                    "confidence": float(confidence / count) if count else None,
                    "right": float(right / count) if count else None,
                }
            )
        return table


def equal_width(confidence: Floats, right: npt.NDArray[np.bool_], bins: int = BINS) -> Bins:
    """Sort rows into bins of equal width by their confidence."""
    return _bins(np.linspace(0, 1, bins + 1), confidence, right)


def equal_mass(confidence: Floats, right: npt.NDArray[np.bool_], bins: int = BINS) -> Bins:
    """Sort rows into bins of about equally many; rows of one confidence stay together."""
    inner = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1]))
    return _bins(np.concatenate([[0.0], inner, [1.0]]), confidence, right)


def _bins(edges: Floats, confidence: Floats, right: npt.NDArray[np.bool_]) -> Bins:
    # A bin holds its upper edge, the first its lower edge as well.
    place = np.searchsorted(edges[1:-1], confidence, side="left").astype(np.int64)
    return Bins(edges, place, confidence, right)


def ece(sums: Floats) -> Floats:
    """Return the expected calibration error [...] of sums [..., bins, 3] of ``Bins.columns``."""
    gaps = np.abs(sums[..., 1] - sums[..., 2]).sum(-1)
    total = sums[..., 0].sum(-1)
    errors: Floats = np.divide(gaps, total, out=np.full(np.shape(total), np.nan), where=total > 0)
    return errors


def brier(probabilities: Floats, targets: npt.NDArray[np.int64]) -> Floats:
    """Return the squared distance [n] of probabilities [n, 4] from the truth; between 0 and 2."""
    distances: Floats = ((probabilities - np.eye(len(SUBTYPES))[targets]) ** 2).sum(1)
    return distances


def label_brier(probabilities: Floats, targets: npt.NDArray[np.int64]) -> Floats:
    """Return the squared distance [n] for benign/malignant, between 0 and 1."""
    distances: Floats = (probabilities[:, BENIGN] - (targets == BENIGN)) ** 2
    return distances


def surprise(probabilities: Floats, targets: npt.NDArray[np.int64]) -> Floats:
    """Return the negative log likelihood [n], in nats; a probability of 0 counts as 1e-12."""
    likely = probabilities[np.arange(len(targets)), targets]
    nats: Floats = -np.log(np.maximum(likely, 1e-12))
    return nats
