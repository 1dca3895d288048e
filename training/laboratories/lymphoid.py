"""Whether a cell is a lymphocyte or a precursor of one, by the form of its nucleus.

Granulocytes and monocytes have lobed and bent nuclei in every laboratory. Size is left out, since
blasts are as large as they are. The head learns inside laboratories that name both kinds of cells,
so that nothing but the form can tell them apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from training.laboratories import heads
from training.laboratories.protocols import Fold
from training.laboratories.table import Cells
from training.metrics.classification import Floats

DESCRIPTION = "form"
"""What the head is given, see ``features.Described.columns``."""

ROUND = ("erythroblast", "platelet")
"""Other cells whose nuclei are round, or that have none: they would teach that round is other."""

STRENGTH = 0.3
"""C of the logistic regression."""


def probability(cells: Cells, form: Floats, fold: Fold) -> Floats:
    """That each cell is lymphoid, [n]; all 1 if no training laboratory names both kinds.

    Kinds count alike, and so do the named classes of a kind.
    """
    lymphoid, rows = teachers(cells, fold)
    if not len(rows):
        return np.ones(len(cells))
    named = cells.column(lambda picture: picture.named)[rows]
    truth = lymphoid[rows].astype(np.int64)
    _, place, sizes = np.unique(named, return_inverse=True, return_counts=True)
    weight = 1 / sizes[place.reshape(-1)]
    for kind in (0, 1):
        weight[truth == kind] /= weight[truth == kind].sum()
    weight = weight / weight.mean()
    known = form[rows].astype(np.float64)
    standard = heads.Standard(known, weight)
    head = heads.logistic(standard(known), truth, weight, STRENGTH)
    return np.asarray(expit(heads.logits(standard(form), head)), np.float64)


def teachers(cells: Cells, fold: Fold) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Which cells are lymphoid for sure, [n], and the rows of the training cells that teach."""
    allowed = cells.allowed
    lymphoid = allowed[:, 0] & ~allowed[:, 1:].any(axis=1)
    other = allowed[:, 2] & ~allowed[:, :2].any(axis=1)
    other &= ~np.isin(cells.column(lambda picture: picture.named), ROUND)
    laboratory = cells.laboratory
    both = set(laboratory[fold.train & lymphoid]) & set(laboratory[fold.train & other])
    inside = fold.train & (lymphoid | other) & np.isin(laboratory, sorted(both))
    return lymphoid, np.flatnonzero(inside & (cells.crops.shape[:, 4] == 0))
