"""Chooses the recipe that a backbone is trained by: a head alone, or the backbone as a whole."""

from __future__ import annotations

import dataclasses
from typing import Any

from training.fit.release.recipe import RECIPES, HeadRecipe
from training.fit.whole.recipe import WholeRecipe

Recipe = HeadRecipe | WholeRecipe


def recipe(backbone: str, learn: str | None = None) -> Recipe:
    """Return the recipe of ``backbone``: a voter's own; any other backbone is trained as a whole.

    ``learn`` is "head" or "all" to train it so whatever its recipe says.
    """
    own: Recipe = RECIPES.get(backbone) or WholeRecipe()
    if learn == "all":
        return WholeRecipe()
    if learn == "head" and isinstance(own, WholeRecipe):
        return HeadRecipe()
    return own


def changed(before: Recipe, **changes: Any) -> Recipe:
    """Return a copy with every change that is not None; ``augment`` takes changes of its own.

    Raises:
        ValueError: a setting that this training would not follow, or cannot.
    """
    names = [name for name, value in changes.items() if value is not None]
    known = {each.name for each in dataclasses.fields(before)}
    if unused := [name for name in names if name not in known]:
        only = (
            "a backbone that is trained as a whole (--learn all)"
            if isinstance(before, HeadRecipe)
            else "a head that is fitted alone (--learn head)"
        )
        raise ValueError(f"{', '.join(unused)}: only for {only}")
    return before.changed(**{name: changes[name] for name in names})
