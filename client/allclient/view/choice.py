"""Chooses what a page shows of a run that is larger than a page: fields and cells."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from allclient.cases.need import need_of
from allclient.cell import Cell
from allclient.contract import SUBTYPES, Subtype
from allclient.report import Entry

MAX_FIELDS: Final = 2000
"""Fields on a page: those that need a look most."""

MAX_FAILED: Final = 200
"""Files without an answer that a page names."""

MAX_CELLS: Final = 60
"""Cells of each subtype in the gallery."""


@dataclass(slots=True)
class Chosen:
    """``fields`` are in the order in which they should be looked at."""

    fields: list[Entry] = field(default_factory=list)
    failed: list[Entry] = field(default_factory=list)
    fields_in_all: int = 0
    failed_in_all: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """How many fields have each reason for review."""
    versions: Counter[str] = field(default_factory=Counter)
    """How many answers each version of the model gave."""


def choose(entries: Iterable[Entry], limit: int = MAX_FIELDS) -> Chosen:
    """Return the entries for a page, of any number of them; no more are kept in memory."""
    chosen = Chosen()
    heap: list[tuple[tuple[int, float, float], int, Entry]] = []
    for entry in entries:
        if entry.row.error is not None:
            chosen.failed_in_all += 1
            if len(chosen.failed) < MAX_FAILED:
                chosen.failed.append(entry)
            continue
        chosen.fields_in_all += 1
        chosen.reasons.update(entry.row.review or ())
        chosen.versions[entry.model_version] += 1
        item = (need_of(entry.row), -chosen.fields_in_all, entry)
        (heapq.heappush if len(heap) < limit else heapq.heappushpop)(heap, item)
    chosen.fields = [entry for _, _, entry in sorted(heap, reverse=True)]
    return chosen


@dataclass(frozen=True, slots=True)
class Spot:
    """One cell of the gallery: the index of its field on the page, and its number there from 1."""

    field: int
    number: int
    cell: Cell


def gallery(fields: list[Entry], limit: int = MAX_CELLS) -> dict[Subtype, tuple[int, list[Spot]]]:
    """Return how many cells of each subtype the fields have, and up to ``limit`` to show.

    The least sure ones come first. Of more than ``limit`` every k-th is taken, so that what is
    shown has the whole range.
    """
    spots: dict[Subtype, list[Spot]] = {subtype: [] for subtype in SUBTYPES}
    for index, entry in enumerate(fields):
        for number, cell in enumerate(entry.cells, 1):
            spots[cell.subtype].append(Spot(index, number, cell))
    for of_subtype in spots.values():
        of_subtype.sort(key=lambda spot: spot.cell.probability)
    return {
        subtype: (len(of_subtype), _spread(of_subtype, limit))
        for subtype, of_subtype in spots.items()
    }


def _spread(spots: list[Spot], limit: int) -> list[Spot]:
    if len(spots) <= limit:
        return spots
    step = (len(spots) - 1) / (limit - 1)
    return [spots[round(index * step)] for index in range(limit)]
