from __future__ import annotations

import math

import numpy as np
import pytest

from tests.unit.repository import policies
from toolkit import served
from training.metrics import classification, fusion


def three(*rows: list[float]) -> np.ndarray:
    """Probabilities [3, 1, 4] of one image."""
    return np.array(rows)[:, None]


def voted(probabilities: np.ndarray) -> int:
    return int(fusion.majority(probabilities.argmax(-1), probabilities).answers[0])


def test_majority_is_the_served_rule() -> None:
    """Against ``majority.decide`` itself, on images where backbones disagree in every way."""
    temperature = {"mobilenet": 0.7, "xception": 1.0, "inception_v3": 1.6}
    policy = policies.policy(temperature=temperature)
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (3, 400, 4))
    probabilities = classification.softmax(logits / policy.temperature[:, None, None])
    fused = fusion.majority(logits.argmax(-1), probabilities)
    quality = np.tile(policies.GOOD_QUALITY, (400, 1))
    for place, decision in enumerate(served.majority.decide_each(logits, quality, [policy] * 400)):
        assert served.majority.SUBTYPES[fused.answers[place]] == decision.subtype
        np.testing.assert_allclose(fused.probabilities[place], decision.probabilities, rtol=1e-5)


def test_majority_may_go_against_the_mean() -> None:
    sure = [0.97, 0.01, 0.01, 0.01]
    unsure = [0.4, 0.5, 0.05, 0.05]
    assert voted(three(sure, unsure, unsure)) == 1
    assert fusion.mean(three(sure, unsure, unsure)).answers.tolist() == [0]


def test_a_tie_of_stages_goes_to_the_highest_mean() -> None:
    assert voted(three([0.9, 0.1, 0, 0], [0, 0.6, 0.4, 0], [0, 0.3, 0.7, 0])) == 2


def test_weights_favour_who_knows_and_leave_nobody_out() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 4, 400)
    good = classification.softmax(np.eye(4)[targets] * 4 + rng.normal(0, 0.3, (400, 4)))
    guess = np.full((400, 4), 0.25)
    found = fusion.weights(np.stack([good, guess, guess]), targets)
    assert found.sum() == pytest.approx(1)
    assert found[0] == pytest.approx(2 / 3, abs=0.01)
    assert found[1:].min() == pytest.approx(1 / 6, abs=0.01)
    assert fusion.weights(np.stack([guess] * 3), targets).tolist() == pytest.approx([1 / 3] * 3)
    assert fusion.weights(np.empty((3, 0, 4)), targets[:0]).tolist() == pytest.approx([1 / 3] * 3)


def test_weights_may_differ_from_row_to_row() -> None:
    probabilities = np.stack([np.eye(4)[[0, 0]], np.eye(4)[[1, 1]], np.eye(4)[[2, 2]]])
    weights = np.array([[0.6, 0.2], [0.3, 0.2], [0.1, 0.6]])
    assert fusion.weighted(probabilities, weights).answers.tolist() == [0, 2]


def test_fuzzy_rank_by_hand() -> None:
    """Scores of one image from the formulas, number by number; only the two best have ranks."""
    probabilities = three([0.6, 0.3, 0.08, 0.02], [0.2, 0.7, 0.06, 0.04], [0.1, 0.5, 0.35, 0.05])

    def rank(p: float) -> float:
        return 1 - math.exp(-math.exp(-2 * p))

    penalty = 1 - 1 / math.e
    benign = (rank(0.6) + rank(0.2) + penalty) * (1 - (0.6 + 0.2) / 3)
    early = (rank(0.3) + rank(0.7) + rank(0.5)) * (1 - (0.3 + 0.7 + 0.5) / 3)
    pre = (2 * penalty + rank(0.35)) * (1 - 0.35 / 3)
    fused = fusion.fuzzy_rank(probabilities)
    assert fused.answers.tolist() == [1]
    assert fused.malignancy.tolist() == pytest.approx([benign - min(early, pre, 3 * penalty)])
    assert fused.probabilities is None


def test_all_fusions_follow_three_that_agree() -> None:
    probabilities = np.stack([np.eye(4) * 0.7 + 0.075] * 3)
    even = np.full(3, 1 / 3)
    for fused in (
        fusion.majority(probabilities.argmax(-1), probabilities),
        fusion.mean(probabilities),
        fusion.weighted(probabilities, even),
        fusion.fuzzy_rank(probabilities),
    ):
        assert fused.answers.tolist() == [0, 1, 2, 3]
        assert (fused.malignancy[1:] > fused.malignancy[0]).all()
