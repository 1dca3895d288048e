"""Decides which field a person should look at before another."""

from __future__ import annotations

import heapq
from typing import Final

from allclient.report.rows import Row

Need = tuple[int, float, float]


def need_of(row: Row) -> Need:
    """Return how soon a field that was read should be looked at: the higher, the sooner.

    First the number of reasons for review, then how unsure the label is, then how unlike the known
    images the field looks.
    """
    assert row.probability is not None
    assert row.ood_score is not None
    return (len(row.review or ()), -row.probability, row.ood_score)


class Neediest:
    """The ``size`` rows of many that should be looked at first; of equals the earlier one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[Need, int, Row]] = []
        self._number = 0

    def add(self, row: Row) -> None:
        """Take in a row of a field that was read."""
        self._number -= 1  # no two are alike, so that rows are never compared
        entry = (need_of(row), self._number, row)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def rows(self) -> list[Row]:
        """Return the rows; the first to look at comes first."""
        return [row for _, _, row in sorted(self._heap, reverse=True)]


LOOK_FIRST: Final = 5
"""Fields of a case that are named as those to look at first."""
