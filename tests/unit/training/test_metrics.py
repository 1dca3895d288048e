from __future__ import annotations

import numpy as np
import pytest

from training import metrics

TARGETS = [0, 0, 0, 0, 1, 1, 2, 3]
ANSWERS = [0, 0, 0, 2, 1, 3, 2, 0]


def test_scores_by_hand() -> None:
    scores = metrics.scores(TARGETS, ANSWERS)
    assert scores["accuracy"] == pytest.approx(5 / 8)
    assert scores["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2 + 1 + 0) / 4)
    assert scores["specificity"] == pytest.approx(3 / 4)
    assert scores["sensitivity"] == pytest.approx(3 / 4)  # the wrong stage is still malignant
    assert scores["binary_accuracy"] == pytest.approx(6 / 8)
    assert scores["binary_balanced_accuracy"] == pytest.approx(3 / 4)
    assert scores["confusion"] == [[3, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]]


def test_missing_classes_leave_scores_open_not_wrong() -> None:
    scores = metrics.scores([0, 0], [0, 1])
    assert scores["sensitivity"] is None
    assert scores["binary_balanced_accuracy"] is None
    assert scores["balanced_accuracy"] == pytest.approx(0.5)
    assert metrics.scores([], [])["accuracy"] is None


def test_nll_is_that_of_the_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (20, 4)).astype(np.float32)
    targets = np.arange(20) % 4
    for temperature in (0.5, 1.0, 3.0):
        likely = metrics.softmax(logits, temperature)[np.arange(20), targets]
        assert metrics.nll(logits, targets, temperature) == pytest.approx(-np.log(likely).mean())
