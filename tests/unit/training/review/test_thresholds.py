"""Thresholds keep their promise, and give as many answers as it allows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.training.review.made import evidence
from training.review.evidence import Bools, Evidence, joined
from training.review.thresholds import CONFIDENCES, LIMIT, MAX_OOD_SCORE, Thresholds, choose

HALF = np.arange(100) % 2 == 1
"""The malignant half of 100 made-up answers."""


def slides(*names: str, **changes: object) -> Evidence:
    return joined([evidence(100, name, **changes) for name in names])


def share(wrong: Bools, given: Bools) -> float:
    return float((wrong & given).sum() / max(1, given.sum()))


def test_answers_that_are_right_are_all_given() -> None:
    known, unseen = evidence(200, "K"), slides("S1", "S2", "S3")
    chosen = choose(known, unseen)
    assert chosen.given(known).all()
    assert chosen.given(unseen).all()


def test_strange_malignant_answers_that_are_wrong_go_to_review_and_benign_ones_do_not() -> None:
    strange = np.full(100, 0.9)
    bad = evidence(100, "S1", wrong_label=HALF, wrong_class=HALF, ood=strange)
    unseen = joined([bad, slides("S2", "S3", ood=strange)])
    known = evidence(200, "K", ood=np.linspace(0, 0.8, 200))
    chosen = choose(known, unseen)
    given = chosen.given(unseen)
    assert not given[unseen.malignant].any()
    assert given[~unseen.malignant].all()
    assert chosen.given(known).all(), "known slides have a lower OOD score than that"


def test_unsure_answers_that_are_wrong_go_to_review() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.8, 1, 6000)
    wrong = rng.random(6000) > confidence - 0.02
    unseen = evidence(
        6000,
        wrong_label=wrong,
        wrong_class=wrong,
        confidence=confidence,
        units=np.array(["S1", "S2", "S3"])[np.arange(6000) % 3],
    )
    chosen = choose(evidence(100, "K"), unseen)
    given = chosen.given(unseen)
    for label in (unseen.malignant, ~unseen.malignant):
        assert share(wrong, given & label) <= LIMIT
    assert chosen.confidence["malignant"] > min(CONFIDENCES["malignant"])
    assert given.mean() > 0.1


def test_benign_answers_keep_the_limit_by_themselves() -> None:
    """One in ten is a missed leukemia; the many malignant answers must not outweigh them."""
    missed = ~HALF & (np.arange(100) < 10)
    many = evidence(900, "S3", malignant=np.ones(900, bool))
    unseen = joined([slides("S1", "S2", wrong_label=missed, wrong_class=missed), many])
    everything = np.ones(len(unseen.ood), bool)
    assert (
        share(unseen.wrong_label, everything) < LIMIT < share(unseen.wrong_label, ~unseen.malignant)
    )
    given = choose(evidence(100, "K"), unseen).given(unseen)
    assert not given[~unseen.malignant].any()
    assert given[unseen.malignant].all()


def test_no_single_slide_carries_the_choice() -> None:
    """Four in a hundred are wrong over all, but without the one easy slide eight are."""
    easy = evidence(400, "easy", malignant=np.ones(400, bool))
    wrong = np.arange(200) < 16
    hard = [
        evidence(200, name, malignant=np.ones(200, bool), wrong_label=wrong, wrong_class=wrong)
        for name in ("S1", "S2")
    ]
    unseen = joined([easy, *hard])
    assert unseen.wrong_label.mean() <= LIMIT
    assert not choose(evidence(100, "K"), unseen).given(unseen).any()


def test_where_nothing_keeps_the_limit_every_answer_goes_to_review() -> None:
    every = np.ones(100, bool)
    unseen = slides("S1", "S2", wrong_class=every, wrong_label=every)
    chosen = choose(evidence(100, "K"), unseen)
    assert not chosen.given(unseen).any()
    assert not chosen.given(evidence(100, "K")).any(), "nor is any on known slides"


def test_a_wrong_subtype_counts_or_not() -> None:
    unseen = slides("S1", "S2", "S3", wrong_class=HALF & (np.arange(100) < 50))
    known = evidence(100, "K")
    strict, lenient = choose(known, unseen, right="class"), choose(known, unseen, right="label")
    assert not strict.given(unseen)[unseen.malignant].any()
    assert lenient.given(unseen).all()


def test_what_needs_review_for_another_reason_never_counts() -> None:
    unsettled, every = np.zeros(100, bool), np.ones(100, bool)
    unseen = slides("S1", "S2", settled=unsettled, wrong_label=every)
    chosen = choose(evidence(100, "K"), unseen)
    assert not chosen.given(unseen).any()
    assert chosen.given(evidence(10, "K")).all()


@pytest.mark.parametrize("ood_score", [0.991, 1.0])
def test_beyond_the_limit_nothing_is_answered_without_review(ood_score: float) -> None:
    known = evidence(100, "K", ood=np.full(100, ood_score))
    unseen = slides("S1", "S2", "S3", ood=np.full(100, ood_score))
    for chosen in (choose(known, unseen), Thresholds()):
        assert not chosen.given(unseen).any()
        assert all(chosen.review_above[label] <= most for label, most in MAX_OOD_SCORE.items())


def test_a_benign_answer_needs_a_nearer_field_than_a_malignant_one() -> None:
    known, unseen = (
        evidence(100, "K", ood=np.full(100, 0.97)),
        slides("S1", "S2", "S3", ood=np.full(100, 0.97)),
    )
    given = choose(known, unseen).given(unseen)
    assert given[unseen.malignant].all()
    assert not given[~unseen.malignant].any()


def test_a_benign_answer_has_to_be_surer() -> None:
    chosen = choose(evidence(100, "K"), slides("S1", "S2"))
    for each in (chosen, Thresholds()):
        assert each.confidence["benign"] >= 0.99
        assert each.confidence["malignant"] >= 0.9
