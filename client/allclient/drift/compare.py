"""Compares two profiles by the population stability index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from allclient.drift.profile import CELL_SIZE, QUANTITIES, Profile

MIN_ANSWERS: Final = 100
"""Below that many, chance alone moves the shares too far."""

SOME: Final = 0.1
MUCH: Final = 0.25
"""The customary limits of the index."""


class Level(Enum):
    """How far a quantity has moved, in words."""

    TOO_FEW = "too few answers"
    NONE = "as the reference"
    SOME = "somewhat moved"
    MUCH = "moved"


@dataclass(frozen=True, slots=True)
class Drift:
    """How far one quantity has moved from the reference."""

    quantity: str
    answers: int
    """Answers behind it; for the size of cells, cells."""
    index: float
    """Population stability index, less what chance gives at this number: 0 for no change."""
    reference: tuple[float, ...]
    observed: tuple[float, ...]
    """Shares of the bins."""

    @property
    def level(self) -> Level:
        """The index in words."""
        if self.answers < MIN_ANSWERS:
            return Level.TOO_FEW
        if self.index < SOME:
            return Level.NONE
        return Level.SOME if self.index < MUCH else Level.MUCH


def compare(reference: Profile, observed: Profile) -> list[Drift]:
    """Return the drift of each quantity. Both profiles have the same bins."""
    if reference.edges != observed.edges:
        raise ValueError("profiles with other bins cannot be compared")
    return [_drift(name, reference.counts[name], observed.counts[name]) for name in QUANTITIES]


def _drift(name: str, reference: Sequence[int], observed: Sequence[int]) -> Drift:
    return Drift(
        quantity=name,
        answers=sum(observed),
        index=index(reference, observed),
        reference=_shares(reference),
        observed=_shares(observed),
    )


def index(reference: Sequence[int], observed: Sequence[int]) -> float:
    """Return the population stability index of counts, less what chance alone gives; never below 0.

    Half an answer is added to each bin, so that an empty one is no infinite change.
    """
    if not sum(reference) or not sum(observed):
        return 0.0
    before, after = (_shares([count + 0.5 for count in counts]) for counts in (reference, observed))
    raw = sum((b - a) * math.log(b / a) for a, b in zip(before, after, strict=True))
    chance = (len(reference) - 1) * (1 / sum(reference) + 1 / sum(observed))
    return max(0.0, raw - chance)


def _shares(counts: Sequence[float]) -> tuple[float, ...]:
    whole = sum(counts) or 1
    return tuple(count / whole for count in counts)


def unit(name: str) -> str:
    """Return what is counted of a quantity, in words."""
    return "cells" if name == CELL_SIZE else "answers"
