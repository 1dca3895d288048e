from __future__ import annotations

import numpy as np
import pytest

from training.metrics import selective


def test_risk_and_area_by_hand() -> None:
    trust = np.array([0.9, 0.2, 0.6, 0.4])
    wrong = np.array([False, True, True, False])
    assert selective.risks(trust, wrong).tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    assert selective.aurc(trust, wrong) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_equal_trust_does_not_reward_the_order_of_the_rows() -> None:
    wrong = np.array([True, False, False, False])
    risks = selective.risks(np.ones(4), wrong)
    assert risks.tolist() == pytest.approx([1 / 4] * 4)
    np.testing.assert_allclose(risks, selective.risks(np.ones(4), wrong[::-1]))


def test_curve_rises_to_full_coverage() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(1234) < 0.2
    coverage, risk = selective.curve(rng.random(1234), wrong)
    assert len(coverage) == len(risk) == selective.POINTS
    assert (np.diff(coverage) > 0).all()
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(wrong.mean(), abs=1e-5)


def test_trust_that_knows_lowers_the_area() -> None:
    wrong = np.arange(100) < 30
    assert selective.aurc(~wrong, wrong) < selective.aurc(np.zeros(100), wrong)
    assert selective.aurc(wrong, wrong) > selective.aurc(np.zeros(100), wrong)
