"""What an idea gains over the nuclear area alone, on laboratories that its heads never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.laboratories.scores import FEWER_RESAMPLES, MANY, Units
from training.metrics import curves, intervals

BASE = "size"
"""The idea that others are compared with: the area of the nucleus alone."""


def gains(idea: Mapping[str, Units], base: Mapping[str, Units]) -> dict[str, Any]:
    """Return the gain in AUROC by source, where the same units of both labels were read twice."""
    return {
        name: found
        for name, units in idea.items()
        if name in base and (found := gain(units, base[name])) is not None
    }


def gain(idea: Units, base: Units) -> dict[str, Any] | None:
    """Return the AUROC of ``idea`` less that of ``base``, with a 95% interval over groups.

    Both are drawn together, so the interval is that of the difference. None where a label is
    missing.

    Raises:
        ValueError: the two hold different units.
    """
    if not (
        idea.group.tolist() == base.group.tolist() and (idea.malignant == base.malignant).all()
    ):
        raise ValueError("a gain compares answers to the same units")
    one, two = (curves.roc(idea.malignant, each.logits) for each in (idea, base))
    if one is None or two is None:
        return None
    count = intervals.RESAMPLES if len(idea.logits) < MANY else FEWER_RESAMPLES
    draws = intervals.resample(idea.group, idea.malignant, count=count)
    drawn = [curves.areas(idea.malignant, each.logits, draws.weights)[0] for each in (idea, base)]
    return {
        "value": one["area"] - two["area"],
        "interval": draws.interval(drawn[0] - drawn[1]),
    }
