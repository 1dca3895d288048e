"""Cells that are no lymphocytes are known by their form, where a laboratory names both kinds."""

from __future__ import annotations

import numpy as np
import pytest

from training.laboratories import lymphoid, votes
from training.laboratories.protocols import Fold
from training.laboratories.table import Cells

from .conftest import cells, picture


@pytest.fixture
def table() -> Cells:
    named = ("lymphocyte", "neutrophil", "monocyte", "erythroblast")
    pictures = [picture("healthy", False, f"{n}{k}", named=n) for n in named for k in range(5)]
    pictures += [picture("both", k % 2 == 0, f"s{k}") for k in range(10)]
    pictures += [picture("new", False, f"{n}n", named=n) for n in named]
    return cells(pictures, each=6)


def _form(table: Cells) -> np.ndarray:
    """Round unless it is a neutrophil or a monocyte."""
    named = table.column(lambda each: each.named)
    lobed = np.isin(named, ("neutrophil", "monocyte")) * 1.0
    return (np.random.default_rng(0).normal(scale=0.3, size=len(table)) - lobed)[:, None]


def _fold(table: Cells, *, without: tuple[str, ...]) -> Fold:
    left_out = np.isin(table.source, without)
    return Fold("fold", ~left_out, left_out)


def test_a_form_that_was_learned_in_one_laboratory_tells_cells_of_another(table: Cells) -> None:
    found = lymphoid.probability(table, _form(table), _fold(table, without=("new",)))
    named = table.column(lambda each: each.named)
    new = table.source == "new"
    assert found[new & (named == "lymphocyte")].mean() > 0.7
    assert found[new & (named == "neutrophil")].mean() < 0.3
    assert found[table.source == "both"].mean() > 0.7


def test_round_cells_and_those_that_may_be_either_do_not_teach(table: Cells) -> None:
    _, rows = lymphoid.teachers(table, _fold(table, without=("new",)))
    taught = set(table.column(lambda each: each.named)[rows])
    assert taught == {"lymphocyte", "neutrophil", "monocyte"}


def test_without_a_laboratory_that_names_both_kinds_every_cell_may_be_lymphoid(
    table: Cells,
) -> None:
    fold = _fold(table, without=("new", "healthy"))
    assert (lymphoid.probability(table, _form(table), fold) == 1).all()


def test_a_large_cell_that_is_no_lymphocyte_is_not_malignant(table: Cells) -> None:
    """Neutrophils are as large as blasts here."""
    named = table.column(lambda each: each.named)
    large = (table.malignant == 1) | (named == "neutrophil")
    noise = np.random.default_rng(1).normal(scale=0.3, size=len(table))
    descriptions = {"shape": (large + noise)[:, None], "form": _form(table)}
    ideas = {
        "all": votes.Idea({"shape": 1}),
        "lymphoid": votes.Idea({"shape": 1}, lymphoid=True),
    }
    assert ideas["lymphoid"].needs == {"shape", "form"}
    found = votes.answers(table, descriptions, _fold(table, without=("new",)), ideas)
    neutrophils = (table.source == "new") & (named == "neutrophil")
    assert (found["all"][neutrophils] > 0).mean() > 0.5
    assert (found["lymphoid"][neutrophils] > 0).mean() < 0.2
    assert (found["lymphoid"][table.malignant == 1] > 0).mean() > 0.7
