"""Limits keep every laboratory within the level, and say nothing where that cannot be had."""

from __future__ import annotations

import numpy as np
import pytest

from training.laboratories import review_limits
from training.laboratories.scores import Units


def _units(logits: np.ndarray, malignant: np.ndarray) -> Units:
    names = np.array([str(number) for number in range(len(logits))])
    return Units(logits, malignant.astype(np.int64), names)


def _laboratory(seed: int, shift: float = 0.0, apart: float = 3.0) -> Units:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 400)
    return _units(rng.normal(size=400) + apart * (truth - 0.5) + shift, truth)


@pytest.mark.parametrize("level", review_limits.LEVELS)
def test_every_laboratory_keeps_within_the_level(level: float) -> None:
    laboratories = {"a": _laboratory(0), "b": _laboratory(1, shift=1), "c": _laboratory(2, -1)}
    limits = review_limits.choose(laboratories, level)
    for units in laboratories.values():
        found = review_limits.judged(units, limits)
        assert found["without_review"] > 40
        assert found["wrong"] <= level * found["without_review"]


def test_a_stricter_level_answers_less() -> None:
    laboratories = {"a": _laboratory(0), "b": _laboratory(1, shift=0.5)}
    answered = [
        sum(
            review_limits.judged(units, review_limits.choose(laboratories, level))["without_review"]
            for units in laboratories.values()
        )
        for level in review_limits.LEVELS
    ]
    assert answered == sorted(answered)
    assert answered[0] < answered[-1]


def test_one_laboratory_that_is_read_at_random_has_all_reviewed() -> None:
    random = _units(np.arange(200.0), np.arange(200) % 2)
    limits = review_limits.choose({"good": _laboratory(0), "random": random}, 0.05)
    found = review_limits.judged(random, limits)
    assert found["without_review"] == 0


def test_a_laboratory_is_judged_by_the_limits_of_the_others() -> None:
    strict = {"a": _laboratory(0), "b": _laboratory(1), "c": _laboratory(2, apart=0)}
    found = review_limits.study(strict, {"d": _laboratory(3)}, 0.05)
    assert found["c"]["without_review"] > 0  # a and b allow it, and it goes wrong
    assert found["c"]["wrong"] > 0.2 * found["c"]["without_review"]
    assert (
        found["d"]["without_review"]
        == review_limits.judged(_laboratory(3), review_limits.choose(strict, 0.05))[
            "without_review"
        ]
    )


def test_answers_are_counted_by_their_side() -> None:
    units = _units(np.array([-3.0, -2, 0, 2, 3]), np.array([0, 1, 1, 0, 1]))
    assert review_limits.judged(units, review_limits.Limits(-1, 1)) == {
        "pictures": 5, "without_review": 4, "wrong": 2, "malignant_without_review": 2,
    }  # fmt: skip
    assert review_limits.judged(units, review_limits.NOTHING)["without_review"] == 0
