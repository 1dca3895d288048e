"""Adds up what the served vote says of all sets of other laboratories."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from training.report.reading import Figures, at


def wrong(answered: Any) -> int | None:
    """Return how many answers without review have the wrong label."""
    parts = [at(answered, name) for name in ("malignant_called_benign", "benign_called_malignant")]
    return None if None in parts else sum(parts)


def together(figures: Figures, names: Container[str] | None = None) -> dict[str, int | None]:
    """Return sums over the sets, or over those of ``names``; None where one is not known.

    Images, malignant ones, answers without review, wrong ones of these, and false alarms: healthy
    ones called malignant without review.
    """
    sets = at(figures, "outside") or {}
    chosen = [each for name, each in sets.items() if names is None or name in names]
    counts = {
        "images": [at(each, "images") for each in chosen],
        "malignant": [at(each, "malignant") for each in chosen],
        "answered": [at(each, "review", "without_review", "images") for each in chosen],
        "wrong": [wrong(at(each, "review", "without_review")) for each in chosen],
        "alarms": [
            at(each, "review", "without_review", "benign_called_malignant") for each in chosen
        ],
    }
    return {
        name: None if not values or None in values else sum(values)
        for name, values in counts.items()
    }
