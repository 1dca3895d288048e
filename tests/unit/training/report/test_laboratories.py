"""The report on laboratories left out: cells by simple ideas, and the served vote elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from training.report import canvas, card, outside, reach
from training.report.blocks import Cell, Plots, Table, missing
from training.report.sections import laboratories, literature, review


def scored(value: float | None, ece: float = 0.1) -> dict[str, Any]:
    area = None if value is None else {"value": value, "interval": [value - 0.05, value + 0.04]}
    balanced = None if value is None else {"value": value - 0.1, "interval": None}
    return {
        "pictures": 40,
        "groups": 12,
        "auroc": area,
        "balanced_accuracy": balanced,
        "ece": {"value": ece, "interval": None},
    }


def idea(delhi: float, tehran: float, gain: float) -> dict[str, Any]:
    both = {"cnmc2019": scored(delhi, 0.15), "all-smears": scored(tehran), "lisc": scored(None)}
    return {
        "laboratories": both,
        "groups": {"cnmc2019": scored(delhi + 0.05)},
        "known": {},
        "random": {"cnmc2019": scored(delhi + 0.06)},
        "doubt": {"0.05": {"delhi": {"pictures": 40, "without_review": 10, "wrong": 4}}},
        "gains": {
            "cnmc2019": {"value": gain, "interval": [gain - 0.02, gain + 0.02]},
            "all-smears": {"value": 0.0, "interval": None},
        },
    }


@pytest.fixture
def studied(figures: dict[str, Any]) -> dict[str, Any]:
    pictures = {"size": idea(0.80, 0.83, 0.0), "texture": idea(0.59, 0.95, -0.21)}
    figures["laboratories"] = {"evaluated": {"pictures": pictures, "together": {}}}
    return figures


def tables(figures: dict[str, Any]) -> dict[str, list[list[Any]]]:
    blocks = [*laboratories.section(figures).blocks, *review.outside(figures).blocks]
    return {
        block.caption: [list(row) for row in block.rows]
        for block in blocks
        if isinstance(block, Table)
    }


def test_every_idea_stands_with_its_gain_where_there_are_both_labels(
    studied: dict[str, Any],
) -> None:
    (rows,) = (
        rows for caption, rows in tables(studied).items() if caption.startswith("Every idea")
    )
    assert rows == [  # of LISC nothing: it is healthy alone
        [
            "size",
            Cell("0.830 (0.780-0.870)", remark="gain +0.000"),
            Cell("0.800 (0.750-0.840)", remark="gain +0.000 (-0.02 to +0.02)"),
        ],
        [
            "texture",
            Cell("0.950 (0.900-0.990)", remark="gain +0.000"),
            Cell("0.590 (0.540-0.630)", remark="gain -0.210 (-0.23 to -0.19)"),
        ],
    ]


def test_the_page_has_plots_and_literature_only_of_what_was_measured(
    studied: dict[str, Any],
) -> None:
    section = laboratories.section(studied)
    (plots,) = (block for block in section.blocks if isinstance(block, Plots))
    assert [panel.title for panel in plots.drawn] == [
        "Tehran, fields: AUROC by what was left out",
        "Delhi, cells: AUROC by what was left out",
    ]
    drawn = canvas.svg(plots.drawn[1])
    assert "size, random pictures left out: 0.860 (0.810-0.900)" in drawn
    assert literature.table() in section.blocks
    own = laboratories.section({**studied, "own_images": True})
    assert literature.table() not in own.blocks
    assert laboratories.section({}).blocks == [missing("Laboratories left out")]


def test_goals_are_read_by_the_idea_that_is_best_there(studied: dict[str, Any]) -> None:
    found = {f"{goal.where}: {goal.figure}": goal for goal in reach.GOALS}
    delhi = found["Delhi left out: cells, AUROC"]
    assert (delhi.read(studied).value, delhi.beside(studied).split(";")[0]) == (0.80, "size")
    tehran = found["Tehran left out: fields, AUROC"]
    assert (tehran.read(studied).value, tehran.beside(studied)[:7]) == (0.95, "texture")
    assert found["Delhi left out: cells, calibration error (ECE)"].read(studied).value == 0.15
    assert found["Delhi, new patients: cells, AUROC"].read(studied).value == pytest.approx(0.85)


def test_bounds_are_added_up_over_sets_and_one_that_is_missing_leaves_no_sum(
    figures: dict[str, Any],
) -> None:
    row = {"leukocytes": 3, "ood_score": 0.99, "without_review": 4, "wrong_label": 1}
    for each in (*figures["ways"].values(), *figures["outside"].values()):
        each["bounds"] = [row]
    caption = "Answers without review under other bounds"
    sets = len(figures["outside"])
    shown = tables(figures)[caption][0]
    assert shown[:2] == ["3", "0.99"]
    assert {"4, 1", f"{4 * sets}, {sets}"} <= set(shown[2:])
    next(iter(figures["outside"].values()))["bounds"] = None
    assert len(tables(figures)[caption][0]) == len(shown) - 1


def test_sets_are_added_up_and_a_set_without_a_policy_leaves_no_sum(
    figures: dict[str, Any],
) -> None:
    first = figures["outside"]["healthy-other-labs"]
    second = {
        **first,
        "images": 10,
        "malignant": 4,
        "review": {
            "without_review": {
                "images": 3,
                "malignant_called_benign": 2,
                "benign_called_malignant": 1,
            }
        },
    }
    figures["outside"]["other"] = second
    alone = first["review"]["without_review"]
    whole = outside.together(figures)
    assert whole["images"] == first["images"] + 10
    assert whole["answered"] == alone["images"] + 3
    assert whole["wrong"] == alone["benign_called_malignant"] + 3
    assert whole["alarms"] == alone["benign_called_malignant"] + 1
    assert outside.together(figures, {"other"})["images"] == 10
    rows = tables(figures)["Other laboratories under the served policy"]
    assert [row[0] for row in rows] == ["healthy-other-labs", "other", "together"]
    assert "together" in card.render(figures, {})
    figures["outside"]["other"] = {**second, "review": None}
    assert outside.together(figures)["answered"] is None
