"""Profiles of answers and how far they are apart."""

from __future__ import annotations

import numpy as np
import pytest

from allclient.contract import SUBTYPES, Subtype
from allclient.drift import Level, Profile, compare, reference
from allclient.drift.compare import index
from allclient.drift.profile import CELL_SIZE, OOD_SCORE, QUANTITIES, REVIEW, SUBTYPE, edges_of
from allclient.errors import ConfigurationError

EDGES = {OOD_SCORE: [0.2, 0.5], CELL_SIZE: [0.1]}


def profile(*counts: int) -> Profile:
    made = Profile(EDGES)
    made.counts[SUBTYPE] = list(counts)
    return made


def test_an_answer_falls_into_one_bin_of_each_quantity() -> None:
    made = Profile(EDGES)
    made.add(Subtype.PRE_B, review=True, ood_score=0.2, cell_sizes=[0.05, 0.1, 0.3])
    made.add(Subtype.BENIGN, review=False, ood_score=0.1)
    assert made.counts == {
        REVIEW: [1, 1],
        SUBTYPE: [1, 0, 1, 0],
        OOD_SCORE: [1, 1, 0],
        CELL_SIZE: [1, 2],
    }
    assert made.answers == 2
    joined = made.like()
    joined.join(made)
    joined.join(made)
    assert joined.counts[CELL_SIZE] == [2, 4]
    assert made.like().answers == 0


def test_edges_part_values_into_bins_of_as_many() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    edges = edges_of(values.tolist())
    assert len(edges) == 7
    counts = np.bincount(np.searchsorted(edges, values, side="right"))
    assert counts.min() >= 124
    assert edges_of([1.0] * 50) == [1.0]


def test_the_index_is_none_for_the_same_shares_and_grows_with_the_change() -> None:
    before = [100, 100, 100, 100]
    assert index(before, [300, 300, 300, 300]) == 0
    small = index(before, [290, 310, 280, 320])
    large = index(before, [600, 300, 200, 100])
    assert small < 0.02 < 0.25 < large
    # By hand: shares 0.25 each against 0.5, 0.25, 1/6, 1/12.
    by_hand = sum(
        (b - 0.25) * np.log(b / 0.25) for b in (600 / 1200, 300 / 1200, 200 / 1200, 100 / 1200)
    )
    assert large == pytest.approx(by_hand - 3 * (1 / 400 + 1 / 1200), abs=0.01)
    assert index(before, [0, 0, 0, 0]) == 0
    assert index([400, 0], [0, 400]) < 100  # an empty bin is no infinite change


def test_chance_alone_is_no_drift() -> None:
    """Answers drawn from the reference itself are told from it as seldom as the limits promise."""
    generator = np.random.default_rng(7)
    whole = reference()
    for name in QUANTITIES:
        shares = np.array(whole.counts[name]) / sum(whole.counts[name])
        drawn = [index(whole.counts[name], generator.multinomial(200, shares)) for _ in range(500)]
        assert np.mean(np.array(drawn) >= 0.1) < 0.02, name
        assert max(drawn) < 0.25, name


def test_words_for_the_index() -> None:
    before = profile(100, 100, 100, 100)
    levels = {
        name: {one.quantity: one.level for one in compare(before, profile(*counts))}[SUBTYPE]
        for name, counts in {
            "few": (99, 0, 0, 0),
            "same": (50, 50, 50, 50),
            "some": (80, 50, 50, 20),
            "much": (140, 20, 20, 20),
        }.items()
    }
    assert levels == {
        "few": Level.TOO_FEW,
        "same": Level.NONE,
        "some": Level.SOME,
        "much": Level.MUCH,
    }


def test_other_bins_are_not_compared() -> None:
    with pytest.raises(ValueError, match="other bins"):
        compare(Profile(EDGES), Profile({OOD_SCORE: [0.3], CELL_SIZE: [0.1]}))


def test_a_profile_is_written_and_read() -> None:
    made = profile(1, 2, 3, 4)
    made.about = {"data": "a site"}
    assert Profile.loads(made.dumps()) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        reference().dumps().replace('"version": 1', '"version": 2'),
        reference().dumps().replace('"review": [', '"review": [3,'),
    ],
    ids=["empty", "list", "nothing", "version", "bins"],
)
def test_what_is_no_profile_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="profile"):
        Profile.loads(text)


def test_the_reference_holds_a_whole_test_part() -> None:
    """Made by deploy/monitoring/make_reference.py; unit/training/data checks of what."""
    made = reference()
    assert made.answers == made.about["fields"] > 400
    assert sum(made.counts[CELL_SIZE]) > made.answers
    assert len(made.counts[SUBTYPE]) == len(SUBTYPES)
    assert (made.about["data"], made.about["part"]) == ("all-smears", "test")
