from __future__ import annotations

import numpy as np
import pytest

from allclient.contract import QUALITY_FIELDS
from training import calibrate, metrics, serving


def drawn(temperature: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose honest probabilities are softmax(logits / temperature), with such targets."""
    rng = np.random.default_rng(3)
    honest = rng.normal(0, 2, (count, 4))
    targets = np.array([rng.choice(4, p=row) for row in metrics.softmax(honest)])
    return (honest * temperature).astype(np.float32), targets


def quality(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.3, 0.6, (count, 12))
    values[:, QUALITY_FIELDS.index("pages")] = 1
    values[:, QUALITY_FIELDS.index("sharpness")] = rng.uniform(50, 900, count)
    values[:, QUALITY_FIELDS.index("clipped_dark")] = 0
    return values.astype(np.float32)


@pytest.mark.parametrize("true", [0.7, 1.0, 3.0])
def test_temperature_is_found_again(true: float) -> None:
    assert calibrate.temperature(*drawn(true)) == pytest.approx(true, rel=0.08)


def test_perfect_answers_do_not_make_the_vote_surer_than_the_bound() -> None:
    logits = np.eye(4, dtype=np.float32)[np.arange(40) % 4] * 5
    found = calibrate.temperature(logits, np.arange(40) % 4)
    assert found == pytest.approx(calibrate.TEMPERATURES[0], rel=0.01)


@pytest.fixture
def policy():
    logits, targets = drawn(2.0, 300)
    fitted = calibrate.policy(
        np.stack([logits] * 3), targets, quality(500), quality(300, 1), {"data": "drawn"}
    )
    return serving.majority().Policy.from_dict(fitted)


def test_policy_is_one_that_the_server_takes(policy) -> None:
    assert policy.temperature.shape == (3,)
    assert policy.ood_review_above == calibrate.OOD_REVIEW_ABOVE


def test_known_fields_need_no_review_for_quality_and_few_for_strangeness(policy) -> None:
    majority = serving.majority()
    logits, _ = drawn(2.0, 300)
    cams = [np.zeros((7, 7, 4), np.float32)] * 3
    decisions = [
        majority.decide(np.stack([row] * 3), cams, each, policy)
        for row, each in zip(logits, quality(300, 1), strict=True)
    ]
    assert not any(majority.POOR_QUALITY in each.review for each in decisions)
    strange = sum(majority.OUT_OF_DISTRIBUTION in each.review for each in decisions)
    assert 0 < strange <= 2 * (1 - calibrate.OOD_REVIEW_ABOVE) * 300 + 1  # two scores


def test_another_stain_is_strange(policy) -> None:
    majority = serving.majority()
    other = quality(1)[0]
    other[majority.STAIN] += 0.5
    assert majority.ood_score(drawn(2.0, 1)[0].repeat(3, 0), other, policy) == 1.0


@pytest.mark.parametrize(("name", "value"), [("sharpness", 1.0), ("clipped_dark", 0.2)])
def test_a_blurred_or_black_field_is_poor(policy, name: str, value: float) -> None:
    majority = serving.majority()
    field = quality(1)[0]
    field[QUALITY_FIELDS.index(name)] = value
    cams = [np.zeros((7, 7, 4), np.float32)] * 3
    decision = majority.decide(drawn(2.0, 1)[0].repeat(3, 0), cams, field, policy)
    assert majority.POOR_QUALITY in decision.review
