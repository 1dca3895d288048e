from __future__ import annotations

import numpy as np
import pytest

from tests.unit.training.review.made import drawn
from training.review import temperature_scaling


@pytest.mark.parametrize("true", [0.7, 1.0, 3.0])
def test_temperature_is_found_again(true: float) -> None:
    assert temperature_scaling.temperature(*drawn(true)) == pytest.approx(true, rel=0.08)


def test_perfect_answers_do_not_make_the_vote_surer_than_the_bound() -> None:
    logits = np.eye(4, dtype=np.float32)[np.arange(40) % 4] * 5
    found = temperature_scaling.temperature(logits, np.arange(40) % 4)
    assert found == pytest.approx(temperature_scaling.TEMPERATURES[0], rel=0.01)


def test_honest_probabilities_have_little_cross_fitted_error() -> None:
    logits, targets = drawn(2.5)
    groups = np.array([f"G{row // 10}" for row in range(len(targets))])
    assert temperature_scaling.cross_fitted_ece(np.stack([logits] * 3), targets, groups) < 0.025


def test_cross_fitting_sees_what_groups_hide() -> None:
    """Each group is always right or always wrong: within it, any certainty would look fitting."""
    rng = np.random.default_rng(5)
    places = np.repeat(np.arange(40), 50)
    targets = rng.integers(0, 4, len(places))
    wrong = (rng.random(40) < 0.3)[places]
    logits = np.eye(4)[np.where(wrong, (targets + 1) % 4, targets)] * 9.0
    groups = np.array([f"G{place}" for place in places])
    alone = np.array([f"G{row}" for row in range(len(places))])
    by_group = temperature_scaling.cross_fitted_ece(np.stack([logits] * 3), targets, groups)
    by_row = temperature_scaling.cross_fitted_ece(np.stack([logits] * 3), targets, alone)
    assert by_group > by_row + 0.005
