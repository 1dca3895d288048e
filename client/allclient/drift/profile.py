"""Defines ``Profile``: how many answers fall into which bin of each quantity."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from allclient.contract import SUBTYPES, Subtype
from allclient.errors import ConfigurationError

REVIEW: Final = "review"
SUBTYPE: Final = "subtype"
OOD_SCORE: Final = "ood_score"
CELL_SIZE: Final = "cell_size"
QUANTITIES: Final = (REVIEW, SUBTYPE, OOD_SCORE, CELL_SIZE)

BINS: Final = 8
"""Bins of the two numbers; the reference has as many of its own in each."""

_REFERENCE: Final = Path(__file__).with_name("reference.json")


@dataclass(slots=True)
class Profile:
    """Counts by quantity and bin.

    ``edges`` part ``ood_score`` and ``cell_size`` into bins: the first is below the first edge, the
    last from the last edge on. A cell's size is the square root of its box's share of the field, so
    it changes with the scale of the pictures as well.
    """

    edges: dict[str, list[float]]
    counts: dict[str, list[int]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    """Where the answers came from, in words and digests; nothing is decided by it."""

    def __post_init__(self) -> None:
        sizes = {REVIEW: 2, SUBTYPE: len(SUBTYPES)}
        sizes |= {name: len(self.edges[name]) + 1 for name in (OOD_SCORE, CELL_SIZE)}
        for name, size in sizes.items():
            if len(self.counts.setdefault(name, [0] * size)) != size:
                raise ConfigurationError(f"a profile has {size} bins of {name}")

    @property
    def answers(self) -> int:
        """How many answers were counted."""
        return sum(self.counts[SUBTYPE])

    def like(self) -> Profile:
        """Return an empty profile with the same bins."""
        return Profile(self.edges)

    def bin(self, quantity: str, value: float) -> int:
        """Return the number of the bin of a value."""
        return bisect_right(self.edges[quantity], value)

    def add(
        self, subtype: Subtype, *, review: bool, ood_score: float, cell_sizes: Iterable[float] = ()
    ) -> None:
        """Count one answer."""
        self.counts[REVIEW][review] += 1
        self.counts[SUBTYPE][SUBTYPES.index(subtype)] += 1
        self.counts[OOD_SCORE][self.bin(OOD_SCORE, ood_score)] += 1
        for size in cell_sizes:
            self.counts[CELL_SIZE][self.bin(CELL_SIZE, size)] += 1

    def join(self, other: Profile) -> None:
        """Count the answers of a profile with the same bins as well."""
        for name, counts in other.counts.items():
            self.counts[name] = [a + b for a, b in zip(self.counts[name], counts, strict=True)]

    def dumps(self) -> str:
        """Return the profile as JSON."""
        content = {"version": 1, "about": self.about, "edges": self.edges, "counts": self.counts}
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def loads(cls, text: str) -> Profile:
        """Return the profile that ``dumps`` wrote.

        Raises:
            ConfigurationError: it is none.
        """
        try:
            content = json.loads(text)
            if content["version"] != 1:
                raise ValueError("it is of another version")
            edges = {name: [float(one) for one in content["edges"][name]] for name in _NUMBERS}
            if any(sorted(set(values)) != values for values in edges.values()):
                raise ValueError("edges rise")
            counts = {name: [int(one) for one in content["counts"][name]] for name in QUANTITIES}
            return cls(edges, counts, dict(content["about"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigurationError(f"this is no profile of answers: {error!r}") from error


_NUMBERS: Final = (OOD_SCORE, CELL_SIZE)


def edges_of(values: Sequence[float], bins: int = BINS) -> list[float]:
    """Return edges that part the values into bins of about as many each."""
    ordered = sorted(values)
    return sorted({ordered[len(ordered) * part // bins] for part in range(1, bins)})


@cache
def reference() -> Profile:
    """Return the release's own profile: its answers on fields that were kept from its training."""
    return Profile.loads(_REFERENCE.read_text("utf-8"))
