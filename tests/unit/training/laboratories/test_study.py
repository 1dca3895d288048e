"""The study answers every cell by heads that did not see its laboratory, and says what it used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from training.data.sample import DatasetError
from training.laboratories import gains, scores, show, study, votes
from training.laboratories.table import Cells

from .conftest import cells, picture

SOURCES = ("delhi", "tehran", "barcelona")


@pytest.fixture
def table(tmp_path: Path) -> Cells:
    """Three laboratories to learn from, healthy and leukemic cells of two that are not."""
    pictures = [
        picture(source, malignant, f"{'am'[malignant]}{group}", number)
        for source in SOURCES
        for malignant in (False, True)
        for group in range(6)
        for number in range(2)
    ]
    pictures += [picture("lisc", False, f"h{n}", evaluate_only=True) for n in range(5)]
    pictures += [picture("leukemia-attri", True, f"p{n}", evaluate_only=True) for n in range(5)]
    placed = []
    for each in pictures:
        path = tmp_path / each.name
        path.write_text(each.name)
        placed.append(dataclasses.replace(each, path=path))
    return cells(placed, each=4)


@pytest.fixture
def described(table: Cells) -> dict[str, np.ndarray]:
    """Size tells the label everywhere; texture tells it in all laboratories but Delhi."""
    rng = np.random.default_rng(0)
    label = table.malignant * 2.0 - 1
    turned = np.where(table.laboratory == "delhi", -label, label)
    size = (label + rng.normal(size=len(table)))[:, None]
    noise = rng.normal(size=(len(table), 3))
    return {
        "size": size,
        "shape": np.column_stack([size, noise]),
        "texture": np.column_stack([2 * turned, noise]) + rng.normal(size=(len(table), 4)),
    }


def test_what_travels_is_told_from_what_does_not(
    table: Cells, described: dict[str, np.ndarray]
) -> None:
    found = study.run(table, described)["evaluated"]["pictures"]
    delhi = {idea: found[idea]["laboratories"]["delhi"]["auroc"]["value"] for idea in found}
    assert delhi["size"] > 0.9
    assert delhi["texture"] < 0.1
    assert found["size"]["laboratories"]["tehran"]["auroc"]["value"] > 0.9
    assert found["texture"]["groups"]["tehran"]["auroc"]["value"] > 0.8
    outside = found["size"]["laboratories"][study.TOGETHER]
    assert (outside["pictures"], outside["malignant"], outside["groups"]) == (10, 5, 10)
    assert found["size"]["laboratories"]["lisc"]["auroc"] is None  # healthy alone


def test_what_an_idea_gains_is_the_difference_with_its_own_interval(
    table: Cells, described: dict[str, np.ndarray]
) -> None:
    found = study.run(table, described)["evaluated"]["pictures"]
    lost = found["size and shape, texture"]["gains"]["delhi"]
    area = {idea: found[idea]["laboratories"]["delhi"]["auroc"]["value"] for idea in found}
    assert lost["value"] == pytest.approx(area["size and shape, texture"] - area["size"])
    low, high = lost["interval"]
    assert low < lost["value"] < high < 0
    assert found["size"]["gains"]["delhi"] == {"value": 0.0, "interval": None}
    assert "lisc" not in found["texture"]["gains"]  # healthy alone


def test_a_gain_between_different_units_is_refused() -> None:
    table = cells([picture("one", True, "a"), picture("one", False, "b")], each=2)
    every, logits = np.ones(4, np.bool_), np.arange(4.0)
    both, one = scores.single(table, logits, every), scores.single(table, logits, logits < 2)
    with pytest.raises(ValueError, match="same units"):
        gains.gain(both, one)


def test_limits_that_two_laboratories_allow_fail_in_a_third_that_is_read_wrong(
    table: Cells, described: dict[str, np.ndarray]
) -> None:
    found = study.run(table, described)
    doubted = found["evaluated"]["pictures"]["texture"]["doubt"]["0.2"]
    assert set(doubted) == {*SOURCES, "leukemia-attri", "lisc"}
    assert doubted["delhi"]["wrong"] > 0.5 * doubted["delhi"]["without_review"] > 0
    sized = found["evaluated"]["pictures"]["size"]["doubt"]["0.2"]["delhi"]
    assert sized["wrong"] < 0.5 * sized["without_review"]
    assert len(show.review_rows(found)) == 3 * 5 * len(found["evaluated"]["pictures"])


def test_the_record_names_what_was_learned_from_and_nothing_else(
    table: Cells, described: dict[str, np.ndarray]
) -> None:
    rows = study.run(table, described)["learned_from"]
    assert [row["name"] for row in rows] == sorted(SOURCES)
    assert all(len(row["sha256"]) == 64 and row["cells"] == 96 for row in rows)


def test_what_is_evaluate_only_changes_no_head(
    table: Cells, described: dict[str, np.ndarray]
) -> None:
    """Other numbers for its cells leave the answers to all others as they are."""
    before = study.answered(table, described)
    changed = {
        name: np.where(table.evaluate_only[:, None], 99.0, x) for name, x in described.items()
    }
    after = study.answered(table, changed)
    rest = ~table.evaluate_only
    for idea, protocols in before.items():
        for name, logits in protocols.items():
            np.testing.assert_array_equal(logits[rest], after[idea][name][rest])


def test_one_laboratory_alone_is_judged_by_groups_and_one_label_by_nothing(
    table: Cells, described: dict[str, np.ndarray]
) -> None:
    said: list[str] = []
    alone = cells([each for each in table.pictures if each.source == "delhi"], each=4)
    rows = {name: each[table.source == "delhi"] for name, each in described.items()}
    found = study.run(alone, rows, study.answered(alone, rows, said.append))
    assert said[0] == "laboratories: delhi; skipped, no two labels are left to learn from"
    scored = found["evaluated"]["pictures"]["size"]
    assert scored["laboratories"] == {}
    assert scored["groups"]["delhi"]["auroc"]["value"] > 0.9
    healthy = cells([each for each in alone.pictures if not each.malignant], each=4)
    with pytest.raises(DatasetError, match="both labels are left"):
        study.answered(healthy, {"size": np.ones((len(healthy), 1))})


def test_an_idea_without_its_description_is_left_out() -> None:
    assert set(votes.possible(["size"])) == {"size"}
    assert "size and shape, texture" in votes.possible(["shape", "texture"])


def test_a_field_is_judged_by_the_mean_probability_of_its_cells() -> None:
    table = cells([picture("one", True, "a"), picture("one", False, "b")], each=2)
    units = scores.fields(table, np.array([3.0, -1, -2, 1]), np.array([True, True, True, False]))
    share = (1 / (1 + np.exp(-3)) + 1 / (1 + np.exp(1))) / 2
    assert units.logits == pytest.approx([np.log(share / (1 - share)), -2])
    found = scores.judged(units)
    assert found["auroc"] == {"value": 1.0, "interval": None}  # one group of a label
    assert found["called_malignant"]["value"] == 0.5


def test_single_cells_of_a_group_are_read_together() -> None:
    """Seven cells of a group make two bags of three; bags never mix groups or labels."""
    groups = [("a", True), ("b", True), ("c", False)]
    table = cells([picture("one", label, name) for name, label in groups], each=7)
    logits = np.repeat([2.0, -1.0, -2.0], 7)
    units = scores.together(table, logits, np.ones(21, bool), 3)
    assert units.group.tolist() == ["one/a"] * 2 + ["one/b"] * 2 + ["one/c"] * 2
    assert units.malignant.tolist() == [1, 1, 1, 1, 0, 0]
    assert units.logits == pytest.approx([2, 2, -1, -1, -2, -2])
    assert len(scores.together(table, logits, np.ones(21, bool), 8).logits) == 0


def test_calibration_error_is_confidence_less_what_is_right() -> None:
    units = scores.Units(
        np.zeros(10) + np.log(4), np.array([1] * 6 + [0] * 4), np.arange(10).astype(str)
    )
    assert scores.judged(units)["ece"]["value"] == pytest.approx(0.8 - 0.6)


def test_a_figure_is_shown_with_its_interval() -> None:
    assert show.figure({"value": 0.81234, "interval": [0.7, 0.9]}) == "0.812 (0.70 to 0.90)"
    assert show.figure({"value": 0.5, "interval": None}) == "0.500"
    assert show.figure(None) == ""


def test_every_row_of_the_table_is_shown(table: Cells, described: dict[str, np.ndarray]) -> None:
    found = study.run(table, {"size": described["size"]})
    rows = show.rows(found, "laboratories")
    assert [row[:2] for row in rows] == [
        ("size", name)
        for source in (*sorted((*SOURCES, "leukemia-attri", "lisc")), "outside")
        for name in (source, f"{source}, cells")
    ]
    assert all(len(row) == len(show.HEAD) for row in rows)


def test_cells_that_are_cut_off_and_more_than_enough_of_a_group_do_not_teach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = cells([picture("one", True, "a"), picture("one", False, "b")], each=5)
    table.crops.shape[5, 4] = 1  # touches the border
    everything = np.ones(len(table), bool)
    assert votes.teachers(table, everything).tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    monkeypatch.setattr(votes, "MAX_GROUP", 2)
    kept = votes.teachers(table, everything)
    assert (len(kept), sorted(kept // 5)) == (4, [0, 0, 1, 1])
    assert np.array_equal(kept, votes.teachers(table, everything))
