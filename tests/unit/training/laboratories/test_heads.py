"""Heads count laboratories, classes and groups alike, and find the direction between classes."""

from __future__ import annotations

import numpy as np
import pytest

from training.laboratories import heads

from .conftest import cells, picture


def test_laboratories_classes_and_groups_count_alike() -> None:
    pictures = [picture("large", True, "a", n) for n in range(4)]
    pictures += [picture("large", True, "b", n) for n in range(2)]
    pictures += [picture("large", False, "c"), picture("small", True, "d")]
    pictures += [picture("small", False, "e"), picture("healthy", False, "f")]
    table = cells(pictures, each=heads.SMALL_GROUP)
    weight = heads.weights(table, np.arange(len(table)))
    assert weight.mean() == pytest.approx(1)

    def share(value: np.ndarray, name: object) -> float:
        return float(weight[value == name].sum() / weight.sum())

    assert share(table.malignant, 1) == pytest.approx(0.5)
    assert share(table.group, "large/c") == pytest.approx(share(table.group, "small/e"))
    assert share(table.group, "healthy/f") == pytest.approx(share(table.group, "small/e"))
    assert share(table.group, "small/d") == pytest.approx(2 * share(table.group, "large/a"))
    assert share(table.group, "large/a") == pytest.approx(share(table.group, "large/b"))


def test_a_small_group_weighs_by_its_cells() -> None:
    pictures = [picture("one", True, "a"), picture("one", False, "b")]
    pictures += [picture("one", True, "tiny")]
    table = cells(pictures, each=heads.SMALL_GROUP)
    rows = np.arange(2 * heads.SMALL_GROUP + 12)  # a tenth of the group tiny
    weight = heads.weights(table, rows)
    tiny, whole = (weight[table.group[rows] == f"one/{name}"].sum() for name in ("tiny", "a"))
    assert tiny / whole == pytest.approx(0.1)


@pytest.mark.parametrize("fit", ["discriminant", "logistic"])
def test_a_head_finds_the_direction_and_the_middle(fit: str) -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 2000)
    features = rng.normal(size=(4000, 3)) + np.outer(truth, [2.0, 0, 0])
    even = np.ones(4000)
    head = (
        heads.discriminant(features, truth, even, 1e-3)
        if fit == "discriminant"
        else heads.logistic(features, truth, even)
    )
    assert abs(head[0]) > 10 * np.abs(head[1:3]).max()
    found = heads.logits(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), head)
    assert found == pytest.approx([-2, 0, 2], abs=0.3)


def test_features_are_standardised_by_the_training_cells() -> None:
    features = np.array([[0.0, 5], [2, 5], [100, 5]])
    standard = heads.Standard(features, np.array([1.0, 1, 0]))
    found = standard(features)
    assert found[:2, 0] == pytest.approx([-1, 1])
    assert np.isfinite(found).all()
