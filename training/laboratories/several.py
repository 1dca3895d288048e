"""Several cells of one field or subject read together: what they are like, and how much they vary.

A mean over cells carries the stain and the camera with it, and so does what one cell looks like.
How much the cells of one field differ from one another does not. Leukemic cells are a clone and
look alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.laboratories import heads
from training.laboratories.protocols import Fold
from training.laboratories.scores import Units
from training.laboratories.table import Bools, Cells
from training.laboratories.votes import CUT_OFF
from training.metrics.classification import Floats

COUNT = 10
"""So many cells are read together where pictures show few."""
LEAST = 5
"""A field with fewer whole cells is not read."""
CROWDED = 3
"""A source whose pictures show so many cells, on median, is read field by field."""
SMALL_GROUP = 10
"""A group with fewer units weighs by what it holds."""
STRENGTH = 0.1
"""C of the logistic regressions."""

IDEAS: Mapping[str, Sequence[str]] = {
    "size": ("mean size",),
    "size and shape": ("mean shape",),
    "texture": ("mean texture",),
    "variety of size": ("spread size",),
    "variety of texture": ("spread texture",),
    "size, variety of texture": ("mean size", "spread texture"),
    "size and shape, variety of texture": ("mean shape", "spread texture"),
    "size and shape, texture": ("mean shape", "mean texture"),
}
"""The mean of votes, one logistic regression each; each vote has variance 1 over what it learned
from. "mean" and "spread" are over the cells of a unit."""


@dataclass(frozen=True)
class Several:
    """Units of several cells, n of them."""

    members: Sequence[npt.NDArray[np.int64]]
    """The cells of each unit."""
    source: npt.NDArray[np.str_]
    laboratory: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]
    malignant: npt.NDArray[np.int64]

    def described(self, columns: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return "mean <name>" and "spread <name>" [n, k] of features [cells, k] by name."""
        found = {}
        for name in ("size", "shape", "texture"):
            parts = [columns[name][rows] for rows in self.members]
            found[f"mean {name}"] = np.stack([part.mean(axis=0) for part in parts])
            found[f"spread {name}"] = np.stack([part.std(axis=0) for part in parts])
        return found

    def units(self, logits: Floats, rows: Bools) -> Units:
        """Return the units in ``rows`` [n], to be judged by logits [n]."""
        return Units(logits[rows], self.malignant[rows], self.group[rows])


def gathered(cells: Cells, seed: int = 0) -> Several:
    """Return fields with ``LEAST`` whole cells, and ``COUNT`` cells each of what shows fewer.

    The latter are drawn within a group and label, or within a source whose groups hold too few:
    a patient or smear where one is known, else healthy cells of a laboratory.
    """
    rng = np.random.default_rng(seed)
    whole = (cells.crops.shape[:, 4] == 0) | (cells.source == CUT_OFF)
    malignant, group, of = cells.malignant, cells.group, cells.crops.of
    members: list[npt.NDArray[np.int64]] = []
    for source in np.unique(cells.source[malignant >= 0]):
        here = whole & (cells.source == source) & (malignant >= 0)
        _, counts = np.unique(of[here], return_counts=True)
        if np.median(counts) >= CROWDED:
            least = CROWDED if source == CUT_OFF else LEAST
            fields = [np.flatnonzero(here & (of == number)) for number in np.unique(of[here])]
            members += [rows for rows in fields if len(rows) >= least]
            continue
        _, sizes = np.unique(group[here], return_counts=True)
        kept_apart = group if np.median(sizes) >= COUNT else cells.source
        for name in np.unique(kept_apart[here]):
            for label in (0, 1):
                drawn = np.flatnonzero(here & (kept_apart == name) & (malignant == label))
                drawn = rng.permutation(drawn)[: len(drawn) // COUNT * COUNT]
                members += list(drawn.reshape(-1, COUNT))
    first = np.array([rows[0] for rows in members], np.int64)
    return Several(
        members, cells.source[first], cells.laboratory[first], group[first], malignant[first]
    )


def answers(several: Several, described: Mapping[str, Floats], fold: Fold) -> dict[str, Floats]:
    """Return logits [n] of all units by idea, of heads that learned from the fold's training cells.

    Nothing where those show one label alone.

    Args:
        described: as of ``Several.described``.
    """
    learned = np.array([bool(fold.train[rows].all()) for rows in several.members])
    rows = np.flatnonzero(learned)
    if len(np.unique(several.malignant[rows])) < 2:
        return {}
    weight = heads.weights(several, rows, SMALL_GROUP)
    said = {
        name: _vote(described[name], several.malignant, rows, weight)
        for name in {name for votes in IDEAS.values() for name in votes}
    }
    return {
        title: np.asarray(np.mean([said[name] for name in votes], axis=0))
        for title, votes in IDEAS.items()
    }


def _vote(
    features: Floats, malignant: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], weight: Floats
) -> Floats:
    standard = heads.Standard(features[rows], weight)
    head = heads.logistic(standard(features[rows]), malignant[rows], weight, STRENGTH)
    found = heads.logits(standard(features), head)
    return np.asarray(found / heads.Standard(found[rows, None], weight).scale, np.float64)
