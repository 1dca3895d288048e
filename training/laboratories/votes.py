"""Votes over cells: one linear head each, on one description, and ideas made of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from training.laboratories import heads, lymphoid
from training.laboratories.protocols import Fold
from training.laboratories.table import Bools, Cells
from training.metrics.classification import Floats

TINY = 1e-12
RIDGE = 0.1
MAX_GROUP = 400
"""More cells of one slide or subject say little more, since groups count alike."""
CUT_OFF = "sn-am"
"""A source whose small fields show hardly a whole cell: those at the border teach as well."""
MAX_LOGISTIC = 32
"""Descriptions with more numbers get a discriminant instead of a logistic regression."""


@dataclass(frozen=True)
class Idea:
    """The sum of votes, each with variance 1 over the training cells."""

    votes: Mapping[str, float]
    """Weight of each description."""
    lymphoid: bool = False
    """Whether votes learn from lymphoid cells alone, and the probability of malignant is that of
    the votes times that of being lymphoid (``lymphoid.probability``)."""

    @property
    def needs(self) -> set[str]:
        """Names of all descriptions."""
        return {*self.votes, *({lymphoid.DESCRIPTION} if self.lymphoid else ())}


IDEAS: Mapping[str, Idea] = {
    "size": Idea({"size": 1}),
    "size and shape": Idea({"shape": 1}),
    "size and shape with their squares": Idea({"squares": 1}),
    "size and shape, if lymphoid": Idea({"shape": 1}, lymphoid=True),
    "texture": Idea({"texture": 1}),
    "size and shape, texture": Idea({"shape": 1, "texture": 1}),
    "size and shape with their squares, texture": Idea({"squares": 1, "texture": 1}),
    "size and shape, texture, if lymphoid": Idea({"shape": 1, "texture": 1}, lymphoid=True),
    "MobileNet's maps": Idea({"mobilenet": 1}),
    "InceptionV3's maps": Idea({"inception_v3": 1}),
    "Xception's maps": Idea({"xception": 1}),
    "size and shape, MobileNet's maps": Idea({"shape": 1, "mobilenet": 1}),
    "size and shape, texture, MobileNet's maps": Idea({"shape": 1, "texture": 1, "mobilenet": 1}),
}
"""Weights are equal: with two laboratories of both classes, nothing inside the training ones says
which vote a third laboratory can trust."""


def teachers(cells: Cells, train: Bools, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the cells of ``train`` [n] that teach: whole ones, ``MAX_GROUP`` a group at most."""
    whole = cells.crops.shape[:, 4] == 0
    rows = np.flatnonzero(train & (whole | (cells.source == CUT_OFF)))
    rows = np.random.default_rng(seed).permutation(rows)
    group = cells.group[rows]
    kept = [rows[group == name][:MAX_GROUP] for name in np.unique(group)]
    return np.sort(np.concatenate(kept))


def vote(cells: Cells, features: Floats, fold: Fold, *, only_lymphoid: bool = False) -> Floats:
    """Logits [n] of all cells by a head fitted to the fold's training cells.

    Their variance over the training cells is 1.

    Args:
        only_lymphoid: cells that are known to be something else do not teach, unless no healthy
            cell would be left.
    """
    rows = teachers(cells, fold.train)
    if only_lymphoid:
        known_other = ~cells.allowed[:, :2].any(axis=1)
        kept = teachers(cells, fold.train & ~known_other)
        rows = kept if len(np.unique(cells.malignant[kept])) > 1 else rows
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


def answers(
    cells: Cells, descriptions: Mapping[str, Floats], fold: Fold, ideas: Mapping[str, Idea]
) -> dict[str, Floats]:
    """Logits [n] of all cells by idea, from heads fitted to the fold's training cells."""
    said: dict[tuple[str, bool], Floats] = {}
    found = {}
    for title, idea in ideas.items():
        for name in idea.votes:
            if (name, idea.lymphoid) not in said:
                said[name, idea.lymphoid] = vote(
                    cells, descriptions[name], fold, only_lymphoid=idea.lymphoid
                )
        parts = [weight * said[name, idea.lymphoid] for name, weight in idea.votes.items()]
        total = np.asarray(np.sum(parts, axis=0), np.float64)
        if idea.lymphoid:
            share = lymphoid.probability(cells, descriptions[lymphoid.DESCRIPTION], fold)
            total = logit((expit(total) * share).clip(TINY, 1 - TINY))
        found[title] = total
    return found


def possible(names: Sequence[str]) -> dict[str, Idea]:
    """The ideas whose descriptions are all there."""
    return {title: idea for title, idea in IDEAS.items() if idea.needs <= set(names)}
