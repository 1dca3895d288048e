"""Whole laboratories or groups are left out, and evaluate-only sources are never trained on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training.data.sample import DatasetError
from training.laboratories import protocols
from training.laboratories.protocols import Fold
from training.laboratories.table import Cells

from .conftest import cells, picture


def _three_laboratories() -> Cells:
    return cells(
        [
            *(picture("delhi-cells", True, f"a{number}") for number in range(8)),
            *(picture("delhi-cells", False, f"b{number}") for number in range(7)),
            *(picture("tehran", number % 2 == 0, f"s{number}") for number in range(12)),
            *(picture("barcelona", False, f"c{number}") for number in range(3)),
            picture("unlabelled", None, "u"),
            picture("lisc", False, "l", evaluate_only=True),
        ],
        each=4,
    )


def test_every_laboratory_is_left_out_whole() -> None:
    table = _three_laboratories()
    found = protocols.folds(table, "laboratories")
    assert [fold.name for fold in found] == ["barcelona", "delhi-cells", "tehran", "outside"]
    for fold in found[:-1]:
        assert set(table.laboratory[fold.test]) == {fold.name}
        assert fold.name not in table.laboratory[fold.train]


def test_what_is_evaluate_only_is_tested_and_never_trained_on() -> None:
    table = _three_laboratories()
    for protocol in protocols.PROTOCOLS:
        for fold in protocols.folds(table, protocol):
            assert not table.evaluate_only[fold.train].any()
            assert (table.malignant[fold.train] >= 0).all()
    outside = protocols.folds(table, "laboratories")[-1]
    assert set(table.source[outside.test]) == {"lisc"}


def test_a_source_that_is_evaluate_only_cannot_be_renamed_to_train() -> None:
    table = _three_laboratories()
    pictures = [dataclasses.replace(each, evaluate_only=False) for each in table.pictures]
    with pytest.raises(DatasetError, match="lisc may be evaluated only"):
        protocols.folds(Cells(pictures, table.crops), "laboratories")


def test_groups_are_tested_once_and_stand_on_one_side() -> None:
    table = _three_laboratories()
    found = protocols.folds(table, "groups")
    tested = np.sum([fold.test for fold in found], axis=0)
    both = np.isin(table.source, ("delhi-cells", "tehran"))
    assert np.array_equal(tested, both.astype(int))
    for fold in found:
        assert not set(table.group[fold.test]) & set(table.group[fold.train])
        assert {0, 1} <= set(table.malignant[fold.test])


def test_random_pictures_are_tested_once_and_share_groups_with_training() -> None:
    table = cells([picture("one", n % 2 == 0, f"g{n % 4}", n) for n in range(48)], each=3)
    found = protocols.folds(table, "random")
    assert np.array_equal(np.sum([fold.test for fold in found], axis=0), np.ones(len(table)))
    for fold in found:
        assert not set(table.crops.of[fold.test]) & set(table.crops.of[fold.train])
        assert set(table.group[fold.test]) & set(table.group[fold.train])


def test_known_slides_are_tested_by_their_own_parts() -> None:
    parts = ("train", "val", "test")
    pictures = [
        dataclasses.replace(picture("one", n % 2 == 0, f"s{n % 2}", n), part=parts[n % 3])
        for n in range(12)
    ]
    pictures[0] = dataclasses.replace(pictures[0], guard=True)
    pictures += [picture("two", True, "x"), picture("lisc", False, "l", evaluate_only=True)]
    table = cells(pictures)
    (fold,) = protocols.folds(table, "known")
    assert np.flatnonzero(fold.test).tolist() == [2, 5, 8, 11]
    assert np.flatnonzero(fold.train).tolist() == [3, 6, 9, 12]
    assert protocols.folds(_three_laboratories(), "known") == []


def test_a_group_that_is_most_of_its_class_is_always_trained_on() -> None:
    pictures = [picture("one", True, "large", number) for number in range(9)]
    pictures += [picture("one", True, "small"), picture("one", False, "x"),
                 picture("one", False, "y")]  # fmt: skip
    table = cells(pictures)
    tested = np.any([fold.test for fold in protocols.folds(table, "groups")], axis=0)
    assert "one/large" not in table.group[tested]
    assert "one/small" in table.group[tested]


def test_a_fold_with_a_cell_on_both_sides_is_refused() -> None:
    with pytest.raises(ValueError, match="trains on"):
        Fold("bad", np.array([True, False]), np.array([True, True]))


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="laboratories, groups"):
        protocols.folds(_three_laboratories(), "hospitals")
