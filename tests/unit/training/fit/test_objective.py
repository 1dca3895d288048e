"""The loss, against figures worked out by numpy alone."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from training.fit.whole.objective import LastLosses, Objective
from training.fit.whole.robust import GroupWeights


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    """One-hot targets and logits of six views, float32 [6, 4] each."""
    rng = np.random.default_rng(0)
    targets = np.eye(4, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    return targets, rng.normal(size=(6, 4)).astype(np.float32) * 2


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def losses(objective: Objective, targets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(
        objective.call(keras.ops.convert_to_tensor(targets), keras.ops.convert_to_tensor(logits))
    )


def test_cross_entropy_with_smoothed_labels(answers: tuple) -> None:
    targets, logits = answers
    smooth = 0.9 * targets + 0.1 / 4
    expected = -(smooth * log_softmax(logits)).sum(1)
    np.testing.assert_allclose(losses(Objective(0.1), targets, logits), expected, rtol=1e-5)


def test_both_views_pay_for_the_divergence_between_them(answers: tuple) -> None:
    targets, logits = answers
    logs = log_softmax(logits)
    first, second = logs[:3], logs[3:]
    forth = (np.exp(first) * (first - second)).sum(1)
    back = (np.exp(second) * (second - first)).sum(1)
    plain = losses(Objective(), targets, logits)
    got = losses(Objective(consistency=2.0), targets, logits)
    np.testing.assert_allclose(got - plain, np.tile(2.0 * (forth + back) / 2, 2), rtol=1e-4)


def test_equal_answers_to_both_views_cost_nothing(answers: tuple) -> None:
    targets, logits = answers
    logits = np.concatenate([logits[:3], logits[:3]])
    plain, both = (losses(Objective(consistency=c), targets, logits) for c in (0.0, 5.0))
    np.testing.assert_allclose(plain, both, atol=1e-6)


def test_the_losses_of_the_last_batch_are_kept_view_by_view(answers: tuple) -> None:
    targets, logits = answers
    metric = LastLosses(6)
    metric.update_state(targets, logits * 0)
    metric.update_state(targets, logits)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(metric.result()),
        -(targets * log_softmax(logits)).sum(1),
        rtol=1e-5,
    )


def test_a_slide_with_a_high_loss_gains_weight() -> None:
    groups = GroupWeights(3, step=0.5)
    members = np.array([0, 0, 0, 1])
    np.testing.assert_allclose(groups.weights(members), [4 / 9, 4 / 9, 4 / 9, 4 / 3], rtol=1e-6)
    groups.learn(members, np.array([1.0, 2.0, 3.0, 0.5], np.float32))
    expected = np.exp(0.5 * np.array([2.0, 0.5, 0.0]))
    np.testing.assert_allclose(groups.shares, expected / expected.sum())
    again = GroupWeights(3, 0.5, groups.shares.tolist())
    np.testing.assert_allclose(again.shares, groups.shares)


def test_the_weighted_mean_loss_is_that_of_group_dro() -> None:
    groups = GroupWeights(2, step=0.0, shares=[0.3, 0.7])
    members = np.array([0, 1, 1, 1])
    values = np.array([1.0, 2.0, 3.0, 4.0])
    mean = (groups.weights(members) * values).mean()
    assert mean == pytest.approx(0.3 * 1.0 + 0.7 * 3.0)
