"""Two votes: the label of three, and never surer than each of the two alone."""

from __future__ import annotations

import itertools

import majority
import numpy as np
import pytest
import smear_cascade

from tests.unit.repository.policies import GOOD_QUALITY, policy

RNG = np.random.default_rng(8)
PAIRS = list(itertools.combinations(majority.BACKBONES, 2))
CAMS = [RNG.random((side, side, 4)).astype(np.float32) for side in (14, 28)]


def decide(logits: np.ndarray, ran: tuple[str, ...], quality: np.ndarray = GOOD_QUALITY):
    return majority.decide(np.float32(logits), CAMS, quality, policy(), ran)


def pairs_that_agree(count: int) -> list[np.ndarray]:
    logits = RNG.normal(0, 4, (count, 2, 4))
    agree = ~smear_cascade.disagree(logits[:, 0], logits[:, 1])
    assert 0.2 < agree.mean() < 0.9
    return list(logits[agree])


@pytest.mark.parametrize("ran", PAIRS)
def test_whatever_the_third_would_say_the_label_stays(ran: tuple[str, str]) -> None:
    at = [majority.BACKBONES.index(name) for name in ran]
    for two in pairs_that_agree(60):
        label = decide(two, ran).label
        for vote in range(4):
            three = np.zeros((3, 4), np.float32)
            three[at] = two
            three[({0, 1, 2} - set(at)).pop(), vote] = 50
            cams = [*CAMS, CAMS[0]]
            whole = majority.decide(three, cams, GOOD_QUALITY, policy())
            assert whole.label == label


@pytest.mark.parametrize("ran", PAIRS)
def test_what_is_said_of_the_one_that_was_not_asked(ran: tuple[str, str]) -> None:
    for two in pairs_that_agree(20):
        decision = decide(two, ran)
        for name, vote, row in zip(
            majority.BACKBONES, decision.votes, decision.backbone_probabilities, strict=True
        ):
            assert (vote == majority.NOT_RUN) == (name not in ran)
            assert row.sum() == pytest.approx(1.0 if name in ran else 0.0, abs=1e-6)
        each = majority.softmax(np.float64(np.float32(two)))
        np.testing.assert_allclose(decision.probabilities, each.mean(0), atol=1e-6)


def test_one_that_is_unsure_is_not_helped_by_the_other() -> None:
    """The mean of 0.99 and 0.85 is above the limit of 0.9, the lower is not."""
    sure, unsure = ([float(np.log(p / (1 - p))), 0, -50, -50] for p in (0.99, 0.85))
    assert "low_confidence" in decide([sure, unsure], PAIRS[0]).review
    assert "low_confidence" not in decide([sure, sure], PAIRS[0]).review


def test_the_higher_energy_counts() -> None:
    energies = [majority.energy(np.array([row])) for row in ([4.0, 0, 0, 0], [14.0, 0, 0, 0])]
    both = majority.ood_score(np.array([[4.0, 0, 0, 0], [14.0, 0, 0, 0]]), GOOD_QUALITY, policy())
    alone = majority.ood_score(np.array([[4.0, 0, 0, 0]] * 2), GOOD_QUALITY, policy())
    assert energies[0] > energies[1]
    assert both == alone > 0


def test_two_subtypes_of_malignant_ask_for_review() -> None:
    decision = decide([[-5, 9, 0, 0], [-5, 0, 8, 0]], PAIRS[2])
    assert (decision.label, decision.subtype) == ("malignant", "early_pre_b")
    assert "disagreement" in decision.review


@pytest.mark.parametrize("ran", PAIRS)
def test_two_that_disagree_decide_nothing(ran: tuple[str, str]) -> None:
    with pytest.raises(majority.BackboneError, match="third has to be asked"):
        decide([[9, 0, 0, 0], [0, 9, 0, 0]], ran)


@pytest.mark.parametrize(
    "ran", [(), ("xception",), ("xception", "mobilenet"), ("xception",) * 2, ("xception", "vgg")]
)
def test_who_ran_is_named_in_order(ran: tuple[str, ...]) -> None:
    with pytest.raises(majority.BackboneError, match="needed are two or all"):
        decide(np.zeros((max(len(ran), 1), 4)), ran)


def test_disagreement_is_about_benign_and_malignant_alone() -> None:
    votes = list(itertools.product(range(4), repeat=2))
    first, second = (9 * np.eye(4, dtype=np.float32)[[pair[i] for pair in votes]] for i in (0, 1))
    expected = [(one == 0) != (other == 0) for one, other in votes]
    assert smear_cascade.disagree(first, second).tolist() == expected


def test_an_answer_that_is_no_number_is_not_agreed_with() -> None:
    broken = np.array([[np.nan, 0, 0, 0], [0, np.inf, 0, 0], [0, 1, 0, 0]], np.float32)
    fine = np.array([[1, 0, 0, 0]] * 3, np.float32)
    assert smear_cascade.disagree(broken, fine).tolist() == [True, True, True]
    assert smear_cascade.disagree(fine, broken)[:2].tolist() == [True, True]
    assert smear_cascade.disagree(broken, broken)[:2].tolist() == [True, True]


def test_an_order_names_each_backbone_once() -> None:
    order = smear_cascade.parse_order(" inception_v3 mobilenet\txception ")
    assert order == ("inception_v3", "mobilenet", "xception")
    for text in ("", "mobilenet xception", "mobilenet mobilenet xception", "a b c", "x " * 4):
        with pytest.raises(smear_cascade.OrderError, match=r"ORDER in config\.pbtxt"):
            smear_cascade.parse_order(text)


def test_images_that_were_asked_differently_come_together_again() -> None:
    first, second = np.array([True, False, True, False]), np.array([False, True, False, False])
    cells = np.ones((2, 3, 10), np.float32), np.ones((1, 5, 10), np.float32)
    cells[0][:, :, 0] = 0  # a box at the border
    labels = np.array([["a"], ["b"]], object), np.array([["c"]], object)
    parts = [(first, {"LABEL": labels[0]}), (second, {"LABEL": labels[1]})]
    whole = smear_cascade.merged(
        [*parts, (first, {"CELLS": cells[0]}), (second, {"CELLS": cells[1]})]
    )
    assert whole["LABEL"].ravel()[:3].tolist() == ["a", "c", "b"]
    assert whole["CELLS"].shape == (4, 5, 10)
    assert whole["CELLS"].any(axis=2).sum(axis=1).tolist() == [3, 5, 3, 0]
    shapes = [smear_cascade.without_padding(whole["CELLS"][at]).shape for at in ([0, 2], [3])]
    assert shapes == [(2, 3, 10), (1, 0, 10)]
