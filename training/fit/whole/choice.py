"""Chooses which epoch's weights are kept, and when a training has gone on long enough."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from training.fit.whole.recipe import WholeRecipe


def candidates(history: list[dict[str, Any]], recipe: WholeRecipe) -> list[dict[str, Any]]:
    """Return the epochs whose weights may be kept: the last third of the last stage, at least one.

    Before, at a high learning rate, scores jump by several points from epoch to epoch, and a
    validation part of few groups rewards luck.
    """
    first = recipe.epochs - math.ceil(recipe.stages[-1].epochs / 3)
    return [row for row in history if row["epoch"] >= first]


def chosen(history: list[dict[str, Any]], recipe: WholeRecipe) -> dict[str, Any]:
    """Return the candidate of the lowest validation loss; of equal ones the first."""
    return min(candidates(history, recipe), key=lambda row: row["val_loss"])


def stale(history: list[dict[str, Any]], recipe: WholeRecipe) -> bool:
    """Return whether ``recipe.patience`` epochs have passed without a better validation loss."""
    rows = candidates(history, recipe)
    if not recipe.patience or not rows:
        return False
    return len(rows) - 1 - int(np.argmin([row["val_loss"] for row in rows])) >= recipe.patience
