from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from training.metrics import calibration


def ece(bins: calibration.Bins) -> float:
    return float(calibration.ece(bins.columns().sum(0)))


def test_ece_by_hand() -> None:
    # Bins of width 0.25: two rows in the third (mean 0.7, half right), two in the last.
    confidence = np.array([0.65, 0.75, 0.9, 1.0])
    right = np.array([True, False, True, True])
    bins = calibration.equal_width(confidence, right, bins=4)
    assert ece(bins) == pytest.approx((2 * abs(0.7 - 0.5) + 2 * abs(0.95 - 1)) / 4)
    third = bins.reliability()[2]
    assert third == {
        "low": 0.5,
        "high": 0.75,
        "images": 2,
        "confidence": pytest.approx(0.7),
        "right": 0.5,
    }
    assert bins.reliability()[0]["confidence"] is None


def test_bins_of_equal_mass_hold_equally_many() -> None:
    confidence = np.random.default_rng(0).random(150) ** 0.1
    right = np.random.default_rng(1).random(150) < confidence
    counts = [row["images"] for row in calibration.equal_mass(confidence, right).reliability()]
    assert counts == [10] * 15


def test_honest_probabilities_have_a_small_ece_and_boasting_ones_a_large() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.5, 1, 20000)
    right = rng.random(20000) < confidence
    for bins in (calibration.equal_width, calibration.equal_mass):
        assert ece(bins(confidence, right)) < 0.02
        assert ece(bins(np.ones(20000), right)) == pytest.approx(1 - right.mean())


def test_brier_scores_and_surprise_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet([1, 1, 1, 1], 200)
    targets = rng.integers(0, 4, 200)
    assert calibration.label_brier(probabilities, targets).mean() == pytest.approx(
        brier_score_loss(targets > 0, 1 - probabilities[:, 0])
    )
    assert calibration.surprise(probabilities, targets).mean() == pytest.approx(
        log_loss(targets, probabilities)
    )
    assert calibration.brier(np.eye(4)[[0, 1]], np.array([0, 2])).tolist() == [0, 2]


def test_confidence_is_that_of_the_label_answered() -> None:
    probabilities = np.array([[0.3, 0.3, 0.3, 0.1], [0.3, 0.3, 0.3, 0.1]])
    found = calibration.confidence(probabilities, np.array([0, 2]))
    assert found.tolist() == pytest.approx([0.3, 0.7])
