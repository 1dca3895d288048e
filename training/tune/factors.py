"""Defines what a study varies: settings of a recipe and of its augmentation, and the rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.augment.config import AugmentConfig
from training.fit import recipes
from training.fit.recipes import Recipe
from training.fit.release.recipe import HeadRecipe
from training.fit.whole.recipe import BALANCES, Stage, WholeRecipe

RATE = "rate"
"""Peak learning rate of the first stage; those of later stages keep their ratio to it."""

WORDS = {"balance": BALANCES, "taps": ()}
"""Settings whose values are words, and which; of "taps" layers of the backbone, joined by +."""

Value = float | int | str


class FactorError(ValueError):
    """There is no such setting, or no such range."""


@dataclass(frozen=True)
class Factor:
    """One setting and the values that it may take: ``levels`` if there are some, or a range."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    levels: tuple[Value, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Factor:
        """Read ``NAME=LOW:HIGH``, ``NAME=LOW:HIGH:log`` or ``NAME=A,B,C`` (one value fixes it).

        Raises:
            FactorError: it is none of these, or names no setting; the message lists the names.
        """
        name, _, values = text.partition("=")
        known = names()
        if name not in known:
            raise FactorError(f"{name!r} is none of the settings {', '.join(known)}")
        if name in WORDS:
            return cls(name, levels=tuple(values.split(",")))
        low, *rest = values.split(":")
        try:
            if not rest:
                return cls(name, levels=tuple(_number(name, each) for each in low.split(",")))
            factor = cls(name, float(low), float(rest[0]), rest[1:] == ["log"])
        except ValueError as error:
            raise FactorError(f"{text!r} holds something that is no number") from error
        if len(rest) > 2 or (len(rest) == 2 and not factor.log) or isinstance(_default(name), int):
            raise FactorError(f"{text!r} is not NAME=LOW:HIGH[:log] or NAME=A,B,C")
        if not factor.low < factor.high or (factor.log and factor.low <= 0):
            raise FactorError(f"{text!r} is no range")
        return factor

    @property
    def fixed(self) -> bool:
        """Whether there is one value only."""
        return len(self.levels) == 1


def names() -> list[str]:
    """Return the settings that may be varied: of the recipes by their name, and augment.NAME."""
    of_recipes = {
        each.name: None
        for recipe in (WholeRecipe, HeadRecipe)
        for each in dataclasses.fields(recipe)
        if (each.name in WORDS or isinstance(each.default, int | float))
    }
    augment = [
        f"augment.{each.name}"
        for each in dataclasses.fields(AugmentConfig)
        if isinstance(each.default, int | float)
    ]
    return [RATE, *of_recipes, *augment]


def applied(recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
    """Return the recipe with ``values`` by name of the setting.

    Raises:
        ValueError: a value that no training can follow.
    """
    changes: dict[str, Any] = {k: v for k, v in values.items() if "." not in k and k != RATE}
    augment = {k.removeprefix("augment."): v for k, v in values.items() if "." in k}
    if "taps" in values:
        changes["taps"] = tuple(str(values["taps"]).split("+"))
    if RATE in values:
        if isinstance(recipe, HeadRecipe):
            raise ValueError(
                f"{RATE}: only for a backbone that is trained as a whole (--learn all)"
            )
        ratio = float(values[RATE]) / recipe.stages[0].rate
        changes["stages"] = tuple(
            dataclasses.replace(stage, rate=stage.rate * ratio) for stage in recipe.stages
        )
    return recipes.changed(recipe, augment=augment, **changes)


def short(recipe: WholeRecipe, side: int, epochs: int) -> WholeRecipe:
    """Return the recipe as one stage of views of ``side`` pixels: what a study can afford."""
    return recipe.changed(stages=(Stage.parse(f"{side}:{epochs}"),))


def defaults(recipe: Recipe) -> tuple[Factor, ...]:
    """Return what is varied if nothing is said.

    Other views cost new features where a head is fitted alone, so a search leaves them as they are.
    """
    if isinstance(recipe, HeadRecipe):
        return (Factor("ridge", 1 / 3000, 1 / 3, log=True),)
    return (
        Factor(RATE, 3e-4, 3e-3, log=True),
        Factor("weight_decay", 0.005, 0.08, log=True),
        Factor("label_smoothing", 0.0, 0.15),
        Factor("dropout", 0.1, 0.5),
        Factor("augment.stain_scale", 0.0, 0.5),
        Factor("augment.hue_degrees", 0.0, 40.0),
    )


def _default(name: str) -> Any:
    if name == RATE:
        return 1.0
    fields = [*dataclasses.fields(WholeRecipe), *dataclasses.fields(HeadRecipe)]
    if "." in name:
        name, fields = name.split(".")[1], [*dataclasses.fields(AugmentConfig)]
    return next(each.default for each in fields if each.name == name)


def _number(name: str, text: str) -> Value:
    return int(text) if isinstance(_default(name), int) else float(text)


def split(factors: Sequence[Factor]) -> tuple[list[Factor], dict[str, Value]]:
    """Return the factors that vary, and the values of those that are fixed.

    Raises:
        FactorError: one is named twice, or none varies.
    """
    twice = {each.name for each in factors if sum(f.name == each.name for f in factors) > 1}
    if twice:
        raise FactorError(f"{', '.join(sorted(twice))} given twice")
    varied = [each for each in factors if not each.fixed]
    if not varied:
        raise FactorError("a study needs a factor that varies")
    return varied, {each.name: each.levels[0] for each in factors if each.fixed}
