from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn

from training.metrics import classification

TARGETS = [0, 0, 0, 0, 1, 1, 2, 3]
ANSWERS = [0, 0, 0, 2, 1, 3, 2, 0]


def test_scores_by_hand() -> None:
    scores = classification.scores(TARGETS, ANSWERS)
    assert scores["accuracy"] == pytest.approx(5 / 8)
    assert scores["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2 + 1 + 0) / 4)
    assert scores["specificity"] == pytest.approx(3 / 4)
    assert scores["sensitivity"] == pytest.approx(3 / 4)  # the wrong stage is still malignant
    assert scores["binary_accuracy"] == pytest.approx(6 / 8)
    assert scores["binary_balanced_accuracy"] == pytest.approx(3 / 4)
    assert scores["confusion"] == [[3, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]]


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 4, 300)
    answers = np.where(rng.random(300) < 0.7, targets, rng.integers(0, 4, 300))
    two, called = targets > 0, answers > 0
    expected = {
        "accuracy": sklearn.accuracy_score(targets, answers),
        "balanced_accuracy": sklearn.balanced_accuracy_score(targets, answers),
        "macro_precision": sklearn.precision_score(targets, answers, average="macro"),
        "macro_f1": sklearn.f1_score(targets, answers, average="macro"),
        "mcc": sklearn.matthews_corrcoef(targets, answers),
        "binary_accuracy": sklearn.accuracy_score(two, called),
        "binary_balanced_accuracy": sklearn.balanced_accuracy_score(two, called),
        "sensitivity": sklearn.recall_score(two, called),
        "specificity": sklearn.recall_score(~two, ~called),
        "malignant_precision": sklearn.precision_score(two, called),
        "malignant_f1": sklearn.f1_score(two, called),
        "binary_mcc": sklearn.matthews_corrcoef(two, called),
    }
    scores = classification.scores(targets, answers)
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


def test_many_tables_at_once_are_each_by_itself() -> None:
    tables = np.random.default_rng(0).integers(0, 9, (5, 4, 4))
    together = classification.from_confusion(tables)
    for place, table in enumerate(tables):
        for name, alone in classification.from_confusion(table).items():
            assert together[name][place] == pytest.approx(alone)


def test_missing_classes_leave_scores_open_not_wrong() -> None:
    scores = classification.scores([0, 0], [0, 1])
    assert scores["sensitivity"] is None
    assert scores["binary_balanced_accuracy"] is None
    assert scores["mcc"] is None
    assert scores["balanced_accuracy"] == pytest.approx(0.5)
    assert classification.scores([], [])["accuracy"] is None


def test_a_class_never_answered_has_no_precision_to_be_proud_of() -> None:
    scores = classification.scores([0, 1, 2, 3], [0, 1, 2, 2])
    assert scores["macro_precision"] == pytest.approx((1 + 1 + 1 / 2 + 0) / 4)
    assert scores["macro_f1"] == pytest.approx((1 + 1 + 2 / 3 + 0) / 4)


def test_nll_is_that_of_the_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (20, 4)).astype(np.float32)
    targets = np.arange(20) % 4
    for temperature in (0.5, 1.0, 3.0):
        likely = classification.softmax(logits, temperature)[np.arange(20), targets]
        assert classification.nll(logits, targets, temperature) == pytest.approx(
            -np.log(likely).mean()
        )
