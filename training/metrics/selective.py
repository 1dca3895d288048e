"""Measures risk against coverage: how wrong answers are that are given when others are withheld."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.metrics.classification import Floats

POINTS = 101

Bools = npt.NDArray[np.bool_]


def counts(unreviewed: Bools, wrong_class: Bools, wrong_label: Bools) -> dict[str, int]:
    """Return how many of n answers go without review, and how many are wrong."""
    return {
        "without_review": int(unreviewed.sum()),
        "wrong_class": int((unreviewed & wrong_class).sum()),
        "wrong_label": int((unreviewed & wrong_label).sum()),
    }


def risks(trust: npt.NDArray[np.floating[Any]], wrong: npt.NDArray[np.bool_]) -> Floats:
    """Return the share of wrong answers [n] among the 1, 2, ... n most trusted ones.

    ``trust`` is [n], high for answers to be given. Where rows have the same trust nothing says
    which goes first, so each counts with their mean.
    """
    _, place, sizes = np.unique(-np.asarray(trust, float), return_inverse=True, return_counts=True)
    mean = np.bincount(place.reshape(-1), weights=wrong, minlength=len(sizes)) / sizes
    shares: Floats = np.repeat(mean, sizes).cumsum() / np.arange(1, len(trust) + 1)
    return shares


def aurc(trust: npt.NDArray[np.floating[Any]], wrong: npt.NDArray[np.bool_]) -> float:
    """Return the area under the risk-coverage curve (Geifman and El-Yaniv, 2017); 0 is perfect."""
    return float(risks(trust, wrong).mean())


def curve(
    trust: npt.NDArray[np.floating[Any]], wrong: npt.NDArray[np.bool_]
) -> tuple[list[float], list[float]]:
    """Return coverage, rising to 1, and the risk at it, at no more than POINTS places."""
    risk = risks(trust, wrong)
    places = np.unique(np.linspace(1, len(risk), min(POINTS, len(risk))).round().astype(int))
    return (
        [round(float(place / len(risk)), 5) for place in places],
        [round(float(risk[place - 1]), 5) for place in places],
    )
