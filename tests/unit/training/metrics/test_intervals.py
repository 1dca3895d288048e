from __future__ import annotations

import numpy as np
import pytest

from training.metrics import classification, intervals


def many_groups(groups: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    names = np.repeat([f"G{number}" for number in range(groups)], size)
    return names, np.repeat(np.arange(groups) % 4, size)


def test_groups_of_one_give_the_interval_of_the_binomial() -> None:
    """With independent rows the percentile interval is close to mean +- 1.96 standard errors."""
    rng = np.random.default_rng(5)
    names, targets = many_groups(2000, 1)
    right = rng.random(2000) < 0.8
    draws = intervals.resample(names, targets, seed=3)
    low, high = draws.interval(draws.means(right))
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 2000)
    assert low == pytest.approx(right.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(right.mean() + half, abs=0.1 * half)


def test_rows_that_share_cells_do_not_count_as_new() -> None:
    """Ten copies of every row must not make the interval narrower."""
    right = np.random.default_rng(5).random(200) < 0.8
    single = intervals.resample(*many_groups(200, 1))
    tenfold = intervals.resample(*many_groups(200, 10))
    alone = single.interval(single.means(right))
    assert tenfold.interval(tenfold.means(np.repeat(right, 10))) == pytest.approx(alone, abs=0.02)


def test_whole_groups_are_drawn_within_their_class() -> None:
    names, targets = many_groups(12, 3)
    draws = intervals.resample(names, targets)
    assert draws.counts.shape == (intervals.RESAMPLES, 12)
    rows = draws.weights
    for group in range(12):
        of_the_group = rows[:, names == f"G{group}"]
        assert (of_the_group == of_the_group[:, :1]).all()
    for target in range(4):
        assert (rows[:, targets == target].sum(1) == 9).all()
    assert len(np.unique(draws.counts, axis=0)) > 100


def test_sums_and_means_are_those_of_the_rows_drawn() -> None:
    names, targets = many_groups(8, 2)
    values = np.random.default_rng(0).random(16)
    draws = intervals.resample(names, targets, count=7)
    for counts, total, mean in zip(
        draws.weights, draws.sums(values), draws.means(values, values > 0.4), strict=True
    ):
        rows = np.repeat(np.arange(16), counts.astype(int))
        assert total == pytest.approx(values[rows].sum())
        assert mean == pytest.approx(values[rows][values[rows] > 0.4].mean())


def test_tables_of_resamples_give_scores_of_resamples() -> None:
    names, targets = many_groups(20, 4)
    answers = np.where(np.random.default_rng(1).random(80) < 0.7, targets, 0)
    draws = intervals.resample(names, targets, count=5)
    cells = np.zeros((80, 4, 4))
    cells[np.arange(80), targets, answers] = 1
    scores = classification.from_confusion(draws.sums(cells))
    for place, counts in enumerate(draws.weights):
        rows = np.repeat(np.arange(80), counts.astype(int))
        alone = classification.scores(targets[rows], answers[rows])
        assert scores["mcc"][place] == pytest.approx(alone["mcc"])


def test_the_seed_decides() -> None:
    names, targets = many_groups(8, 2)
    first, again, other = (intervals.resample(names, targets, seed=s).counts for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_one_group_of_a_class_gives_no_interval() -> None:
    """Its draws never differ; an interval of no width would be a lie."""
    names = np.array(["a", "a", "b", "c"])
    draws = intervals.resample(names, np.array([0, 0, 1, 1]))
    assert draws.smallest == 1
    assert draws.interval(draws.means([1, 0, 1, 0])) is None


def test_what_is_mostly_undefined_has_no_interval() -> None:
    draws = intervals.resample(*many_groups(8, 2), count=100)
    values = np.linspace(0, 1, 100)
    values[:4] = np.nan
    assert draws.interval(values) is not None
    values[:6] = np.nan
    assert draws.interval(values) is None


def test_no_error_in_the_sample_is_no_proof_of_none() -> None:
    draws = intervals.resample(*many_groups(8, 2))
    assert draws.interval(draws.means(np.ones(16))) is None
