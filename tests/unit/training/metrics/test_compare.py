from __future__ import annotations

import numpy as np
import pytest

from training.metrics.compare import mcnemar


def answers(ahead: int, behind: int, same: int = 20) -> tuple[np.ndarray, np.ndarray]:
    first = np.array([True] * ahead + [False] * behind + [True] * same)
    second = np.array([False] * ahead + [True] * behind + [True] * same)
    return first, second


def test_p_is_the_two_tails_of_a_fair_coin() -> None:
    found = mcnemar(*answers(8, 1))
    assert (found.first_only, found.second_only) == (8, 1)
    assert found.p == pytest.approx(2 * (1 + 9) / 2**9)


def test_who_is_first_does_not_matter_for_p() -> None:
    assert mcnemar(*answers(3, 9)).p == pytest.approx(mcnemar(*answers(9, 3)).p)


@pytest.mark.parametrize(("ahead", "behind"), [(0, 0), (4, 4)])
def test_no_difference_proves_nothing(ahead: int, behind: int) -> None:
    assert mcnemar(*answers(ahead, behind)).p == pytest.approx(1)
