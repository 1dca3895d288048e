"""The head's fit, on features whose distortion is known."""

from __future__ import annotations

import numpy as np
import pytest

from convert.quantise import refit

CHANNELS = 12


@pytest.fixture
def case() -> tuple[np.ndarray, np.ndarray, np.ndarray, refit.Head]:
    """Features, the same after scaling, shifting and noise, and a loose head's logits."""
    draw = np.random.default_rng(0)
    features = draw.random((400, CHANNELS))
    head = refit.Head(draw.normal(0, 5, (CHANNELS, 4)), draw.normal(0, 1, 4))
    rounded = features * draw.uniform(0.9, 1.1, CHANNELS) + draw.normal(0, 0.2, CHANNELS)
    rounded += draw.normal(0, 0.002, features.shape)
    return features, rounded, head.logits(features), head


def test_a_shifted_and_scaled_trunk_gets_its_answers_back(case) -> None:  # type: ignore[no-untyped-def]
    _, rounded, wanted, head = case
    before = np.abs(head.logits(rounded[300:]) - wanted[300:]).mean()
    new = refit.solve(rounded[:300], wanted[:300], head)
    after = np.abs(new.logits(rounded[300:]) - wanted[300:]).mean()
    assert before > 1
    assert after < 0.03
    assert refit.remaining(rounded[:300], wanted[:300], head) == pytest.approx(after, rel=0.5)


def test_a_head_that_is_right_stays(case) -> None:  # type: ignore[no-untyped-def]
    features, _, wanted, head = case
    assert refit.solve(features, wanted, head) is head


def test_a_fit_that_does_worse_on_other_images_is_not_taken(case) -> None:  # type: ignore[no-untyped-def]
    """Noise that is no distortion, and hardly more images than channels."""
    features, _, wanted, head = case
    draw = np.random.default_rng(1)
    few = features[:20] + draw.normal(0, 0.05, (20, CHANNELS))
    assert refit.solve(few, wanted[:20], head) is head


def test_a_channel_that_never_changes_keeps_its_weights(case) -> None:  # type: ignore[no-untyped-def]
    _, rounded, wanted, head = case
    rounded[:, 3] = 0.0
    new = refit.solve(rounded, wanted, head)
    np.testing.assert_array_equal(new.kernel[3], head.kernel[3])
    assert np.isfinite(new.kernel).all()


def test_too_few_images_fit_nothing(case) -> None:  # type: ignore[no-untyped-def]
    _, rounded, wanted, head = case
    assert (
        refit.solve(rounded[: refit.MIN_IMAGES - 1], wanted[: refit.MIN_IMAGES - 1], head) is head
    )
