"""Reads the dict of figures safely: what is not there is None, never an error.

``Figures`` is the content of report.json; ``training.evaluation.figures`` describes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from training.report import numbers

Figures = Mapping[str, Any]

OWN_IMAGES: Final = "own_images"
"""True in the figures of backbones that were trained on other images than the released ones."""


@dataclass(frozen=True)
class Measured:
    """A figure with its 95% interval; None if there is none."""

    value: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def known(self) -> bool:
        """Whether there is a finite number."""
        return numbers.known(self.value)

    @property
    def number(self) -> float:
        """The value of a figure that is known."""
        assert self.value is not None, "not measured"
        return self.value

    def as_share(self) -> str:
        """Return the figure as a percentage with its interval."""
        return numbers.share(self.value, self.interval)

    def as_points(self) -> str:
        """Return the figure as percentage points with its interval."""
        return numbers.points(self.value, self.interval)

    def as_decimal(self) -> str:
        """Return the figure with three decimals and its interval."""
        return numbers.decimal(self.value, self.interval)


def measured(value: object, interval: Any = None) -> Measured:
    """Return a figure as a ``Measured``; anything but finite numbers becomes None."""
    if not numbers.known(value):
        return Measured()
    whole = isinstance(interval, list | tuple) and len(interval) == 2
    low, high = interval if whole else (None, None)
    if numbers.known(low) and numbers.known(high):
        return Measured(value, (low, high))
    return Measured(value)


def at(figures: Any, *keys: str) -> Any:
    """Return ``figures[key][key]...``, or None as soon as one is missing."""
    for key in keys:
        if not isinstance(figures, Mapping) or figures.get(key) is None:
            return None
        figures = figures[key]
    return figures


def score(figures: Figures, protocol: str, voter: str, name: str) -> Measured:
    """Return one score of one voter in one protocol, with its interval."""
    scores = at(figures, "ways", protocol, "voters", voter)
    return measured(at(scores, "scores", name), at(scores, "intervals", name))


def reviewed(review: Figures | None, name: str) -> Measured:
    """Return one figure of the answers without review, with its interval."""
    value = at(review, name)
    value = at(review, "without_review", name) if value is None else value
    return measured(value, at(review, "intervals", name))
