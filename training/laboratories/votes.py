"""Votes over cells: one linear head each, on one description, and ideas made of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.laboratories import heads
from training.laboratories.protocols import Fold
from training.laboratories.table import Bools, Cells
from training.metrics.classification import Floats

RIDGE = 0.1
MAX_LOGISTIC = 32
"""Descriptions with more numbers get a discriminant instead of a logistic regression."""


@dataclass(frozen=True)
class Idea:
    """The sum of votes, each with variance 1 over the training cells."""

    votes: Mapping[str, float]
    """Weight of each description."""


IDEAS: Mapping[str, Idea] = {
    "size": Idea({"size": 1}),
    "size and shape": Idea({"shape": 1}),
    "texture": Idea({"texture": 1}),
    "size and shape, texture": Idea({"shape": 1, "texture": 1}),
    "MobileNet's maps": Idea({"mobilenet": 1}),
    "InceptionV3's maps": Idea({"inception_v3": 1}),
    "Xception's maps": Idea({"xception": 1}),
    "size and shape, MobileNet's maps": Idea({"shape": 1, "mobilenet": 1}),
    "size and shape, texture, MobileNet's maps": Idea({"shape": 1, "texture": 1, "mobilenet": 1}),
}
"""Weights are equal: with two laboratories of both classes, nothing inside the training ones says
which vote a third laboratory can trust."""


def usable(cells: Cells) -> Bools:
    """Which cells teach: whole ones, and those of a source that shows hardly any, [n]."""
    whole = cells.crops.shape[:, 4] == 0
    return np.asarray(whole | (cells.source == "sn-am"), np.bool_)


def vote(cells: Cells, features: Floats, fold: Fold) -> Floats:
    """Logits [n] of all cells by a head fitted to the fold's training cells.

    Their variance over the training cells is 1.
    """
    rows = np.flatnonzero(fold.train & usable(cells))
    weight = heads.weights(cells, rows)
    known = features[rows].astype(np.float64)
    standard = heads.Standard(known, weight)
    truth = cells.malignant[rows]
    if features.shape[1] > MAX_LOGISTIC:
        head = heads.discriminant(standard(known), truth, weight, RIDGE)
    else:
        head = heads.logistic(standard(known), truth, weight)
    found = heads.logits(standard(features), head)
    middle = np.average(found[rows], weights=weight)
    spread = np.sqrt(np.average((found[rows] - middle) ** 2, weights=weight))
    return np.asarray(found / spread, np.float64)


def combined(votes: Mapping[str, Floats], idea: Idea) -> Floats:
    """The weighed sum [n] of an idea's votes."""
    parts = [weight * votes[name] for name, weight in idea.votes.items()]
    return np.asarray(np.sum(parts, axis=0), np.float64)


def possible(names: Sequence[str]) -> dict[str, Idea]:
    """The ideas whose descriptions are all there."""
    return {title: idea for title, idea in IDEAS.items() if set(idea.votes) <= set(names)}
