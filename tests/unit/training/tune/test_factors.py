"""What a study may vary, as it is written on the command line."""

from __future__ import annotations

import pytest

from training.fit.batches import PART, WHOLE
from training.fit.release.recipe import RECIPES
from training.fit.whole.recipe import Stage, WholeRecipe
from training.tune import factors
from training.tune.factors import Factor

RECIPE = WholeRecipe((Stage(112, 4, 1e-3, PART), Stage(224, 1, 2e-4, WHOLE)))
HEAD = RECIPES["mobilenet"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate=1e-4:1e-2:log", Factor("rate", 1e-4, 1e-2, log=True)),
        ("dropout=0.1:0.5", Factor("dropout", 0.1, 0.5)),
        ("dropout=0.1,0.3,0.5", Factor("dropout", levels=(0.1, 0.3, 0.5))),
        ("batch=8,16", Factor("batch", levels=(8, 16))),
        ("balance=class,slide", Factor("balance", levels=("class", "slide"))),
        ("augment.hue_degrees=0:40", Factor("augment.hue_degrees", 0.0, 40.0)),
        ("ema=0.99", Factor("ema", levels=(0.99,))),
    ],
)
def test_ranges_levels_and_fixed_values_are_read(text: str, expected: Factor) -> None:
    assert Factor.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colour=1:2", "'colour' is none of the settings rate, taps, batch"),
        ("dropout=high", "no number"),
        ("dropout=0.5:0.1", "no range"),
        ("rate=0:1:log", "no range"),
        ("rate=1:2:linear", "not NAME=LOW:HIGH"),
        ("batch=8:32", "not NAME=LOW:HIGH"),
        ("batch=8.5", "no number"),
    ],
)
def test_what_cannot_be_varied_is_refused(text: str, reason: str) -> None:
    with pytest.raises(factors.FactorError, match=reason):
        Factor.parse(text)


def test_values_reach_the_recipe() -> None:
    values = {"rate": 5e-3, "dropout": 0.4, "balance": "slide", "augment.hue_degrees": 3.0}
    found = factors.applied(RECIPE, values)
    assert [stage.rate for stage in found.stages] == pytest.approx([5e-3, 1e-3])
    assert (found.dropout, found.balance) == (0.4, "slide")
    assert found.augment.hue_degrees == 3
    assert found.augment.blur == RECIPE.augment.blur
    with pytest.raises(ValueError, match="'rows' is none of"):
        factors.applied(RECIPE, {"balance": "rows"})


def test_every_name_that_is_offered_can_be_set() -> None:
    words = {"balance": "none", "taps": "mixed0+mixed1"}
    numbers = {"rate": 2e-3, "batch": 4, "patience": 2, "views": 2}
    for name in factors.names():
        own = HEAD if name in ("views", "ridge") else RECIPE
        factors.applied(own, {name: (words | numbers).get(name, 0.25)})


def test_fixed_settings_are_told_from_varied_ones() -> None:
    given = [Factor("ema", levels=(0.9,)), Factor("dropout", 0.1, 0.2)]
    assert factors.split(given) == ([given[1]], {"ema": 0.9})
    with pytest.raises(factors.FactorError, match="ema given twice"):
        factors.split([*given, given[0]])
    with pytest.raises(factors.FactorError, match="needs a factor that varies"):
        factors.split(given[:1])


@pytest.mark.parametrize(("own", "count"), [(RECIPE, 6), (HEAD, 1)])
def test_the_defaults_can_be_applied(own: object, count: int) -> None:
    found = factors.defaults(own)
    assert len(found) == count
    for end in ("low", "high"):
        factors.applied(own, {factor.name: getattr(factor, end) for factor in found})
