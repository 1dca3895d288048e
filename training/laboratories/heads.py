"""Linear heads over cells, in which laboratories, classes and groups count alike."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from training.metrics.classification import Floats

SMALL_GROUP = 120
"""A group with fewer cells weighs by what it holds."""
ONE_CLASS = 0.5
"""Weight of a laboratory that has one class alone: it can teach the laboratory."""
MIN_SCALE = 1e-6


class Labelled(Protocol):
    """Cells, or whatever else has a laboratory, a label and a group, n of them."""

    @property
    def laboratory(self) -> npt.NDArray[np.str_]:
        """[n]."""

    @property
    def malignant(self) -> npt.NDArray[np.int64]:
        """[n], 1 or 0; -1 where nobody knows."""

    @property
    def group(self) -> npt.NDArray[np.str_]:
        """[n]."""


def weights(cells: Labelled, rows: npt.NDArray[np.int64], small_group: int = SMALL_GROUP) -> Floats:
    """Return the weight of each of the cells ``rows`` [m], mean 1.

    Laboratories count alike (``ONE_CLASS`` aside), so do the two classes of each, and so do the
    groups of a class. At last either class is brought to one half, or a laboratory of healthy cells
    would move the middle.
    """
    laboratory, malignant = cells.laboratory[rows], cells.malignant[rows]
    group = cells.group[rows]
    shares = np.zeros(len(rows))
    for name in np.unique(laboratory):
        of_laboratory = laboratory == name
        labels = np.unique(malignant[of_laboratory])
        for label in labels:
            members = of_laboratory & (malignant == label)
            _, place, sizes = np.unique(group[members], return_inverse=True, return_counts=True)
            share = 1 / np.maximum(sizes, small_group)[place.reshape(-1)]
            shares[members] = share / share.sum() / len(labels)
        shares[of_laboratory] *= ONE_CLASS if len(labels) < 2 else 1
    for label in np.unique(malignant):
        shares[malignant == label] /= shares[malignant == label].sum()
    return np.asarray(shares / shares.mean(), np.float64)


class Standard:
    """Features at mean 0 and variance 1 over weighted training cells."""

    def __init__(self, features: Floats, weight: Floats) -> None:
        """Measure features [m, k] under weights [m]."""
        self.mean = np.average(features, axis=0, weights=weight)
        spread = np.sqrt(np.average((features - self.mean) ** 2, axis=0, weights=weight))
        self.scale = np.maximum(spread, MIN_SCALE * spread.max())

    def __call__(self, features: Floats) -> Floats:
        """Return the same features [n, k], standardised."""
        return np.asarray((features - self.mean) / self.scale, np.float64)


def discriminant(
    features: Floats, malignant: npt.NDArray[np.int64], weight: Floats, ridge: float
) -> Floats:
    """Return Fisher's direction [k + 1] for features [m, k]; the last number is the offset.

    Its logits ``features @ w[:-1] + w[-1]`` are those of two classes that share one spread.

    Args:
        ridge: what is added to variances within classes, for features of variance 1.
    """
    share = weight / weight.sum()
    means = np.stack(
        [
            np.average(features[malignant == c], axis=0, weights=share[malignant == c])
            for c in (0, 1)
        ]
    )
    rest = features - means[malignant]
    spread = (rest * share[:, None]).T @ rest
    spread[np.diag_indices_from(spread)] += ridge
    direction = np.linalg.solve(spread, means[1] - means[0])
    return np.append(direction, -direction @ means.mean(0))


def logistic(
    features: Floats, malignant: npt.NDArray[np.int64], weight: Floats, c: float = 1.0
) -> Floats:
    """Return a logistic regression [k + 1] for features [m, k], as ``discriminant`` does."""
    model = LogisticRegression(C=c, max_iter=2000).fit(features, malignant, sample_weight=weight)
    return np.append(model.coef_[0], model.intercept_[0])


def logits(features: Floats, head: Floats) -> Floats:
    """Return malignant against not, [n], by features [n, k] and a head [k + 1]."""
    return np.asarray(features @ head[:-1] + head[-1], np.float64)
