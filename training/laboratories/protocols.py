"""The protocols for cells: laboratories left out, new groups of known ones, and easier ones.

No protocol ever trains on a source that is evaluate only. Those are tested beside what is left out,
because no training saw them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.data.pictures import refuse_evaluate_only
from training.laboratories.table import Bools, Cells

PROTOCOLS = ("laboratories", "groups", "known", "random")
OUTSIDE = "outside"
"""The fold of what is evaluate only."""
FOLDS = 6
MIN_SHARE = 0.25
"""Without a group, this share of its class in its laboratory must be left to learn from."""


@dataclass(frozen=True)
class Fold:
    """What is learned from and what is left out, [n] each."""

    name: str
    train: Bools
    test: Bools

    def __post_init__(self) -> None:
        """Raise ValueError if a cell stands on both sides."""
        if (self.train & self.test).any():
            raise ValueError(f"fold {self.name} tests cells that it trains on")


def folds(cells: Cells, protocol: str) -> list[Fold]:
    """Return the folds of a protocol.

    laboratories  one fold a laboratory that can be learned from, named after it; test is all of
                  it. A last fold "outside" learns from all and tests what is evaluate only.
    groups        ``FOLDS`` folds; each leaves out a sixth of the groups of every class of every
                  laboratory with both classes, so that each group is tested once. A group that
                  holds too much of its class is always trained on.
    known         one fold: new fields of known slides, by the parts train and test of a source
                  that has them.
    random        ``FOLDS`` folds over single pictures of every laboratory with both classes,
                  whatever group they belong to: what many published figures stand on.

    Raises:
        ValueError: no such protocol.
        DatasetError: a source that is evaluate only would be learned from.
    """
    usable = ~cells.evaluate_only & (cells.malignant >= 0)
    refuse_evaluate_only(np.unique(cells.source[usable]))
    if protocol == "laboratories":
        laboratory = cells.laboratory
        by_name = [
            Fold(str(name), usable & (laboratory != name), usable & (laboratory == name))
            for name in np.unique(laboratory[usable])
        ]
        return [*by_name, Fold(OUTSIDE, usable, cells.evaluate_only)]
    if protocol == "groups":
        place = group_folds(cells, usable)
        return [
            Fold(f"groups-{number}", usable & (place != number), usable & (place == number))
            for number in range(FOLDS)
        ]
    if protocol == "known":
        part, guard = cells.column(lambda each: each.part), cells.column(lambda each: each.guard)
        test = usable & (part == "test")
        held_out = (part == "val") | (part == "test") | guard
        return [Fold("known", usable & ~held_out, test)] if test.any() else []
    if protocol == "random":
        place = random_folds(cells, usable)
        return [
            Fold(f"random-{number}", usable & (place != number), usable & (place == number))
            for number in range(FOLDS)
        ]
    raise ValueError(f"no protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")


def group_folds(cells: Cells, rows: Bools) -> npt.NDArray[np.int64]:
    """Return the fold of each cell [n]; -1 is tested in none.

    The largest groups are dealt first, each to the fold that has the fewest cells of its class and
    laboratory.
    """
    place = np.full(len(cells), -1)
    laboratory, malignant, group = cells.laboratory, cells.malignant, cells.group
    for name in np.unique(laboratory[rows]):
        of_laboratory = rows & (laboratory == name)
        if len(np.unique(malignant[of_laboratory])) < 2:
            continue
        for label in (0, 1):
            members = of_laboratory & (malignant == label)
            names, sizes = np.unique(group[members], return_counts=True)
            load = np.zeros(FOLDS, np.int64)
            for index in np.argsort(-sizes, kind="stable"):
                if sizes[index] > (1 - MIN_SHARE) * sizes.sum():
                    continue
                fold = int(np.argmin(load))
                load[fold] += sizes[index]
                place[members & (group == names[index])] = fold
    return place


def random_folds(cells: Cells, rows: Bools, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the fold of each cell [n] by its picture alone; -1 is tested in none."""
    drawn = np.random.default_rng(seed).permutation(len(cells.pictures)) % FOLDS
    place = np.full(len(cells), -1)
    laboratory, malignant = cells.laboratory, cells.malignant
    for name in np.unique(laboratory[rows]):
        members = rows & (laboratory == name)
        if len(np.unique(malignant[members])) > 1:
            place[members] = drawn[cells.crops.of[members]]
    return place
