"""The vote, against independent statements of its rules."""

from __future__ import annotations

import copy
import dataclasses
import itertools

import majority
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.unit.repository.policies import GOOD_QUALITY, OTHER_STAIN, POLICY, STAIN, policy

SUBTYPES = ("benign", "early_pre_b", "pre_b", "pro_b")
CAMS = [np.ones((side, side, 4), np.float32) for side in (7, 7, 5)]
RNG = np.random.default_rng(3)


def decide(logits: np.ndarray, cams=CAMS, quality=GOOD_QUALITY, **changes: object):
    return majority.decide(np.asarray(logits, np.float32), cams, quality, policy(**changes))


def voting(votes: tuple[int, int, int], strength: float = 9.0) -> np.ndarray:
    logits = RNG.normal(0, 0.5, (3, 4))
    for row, vote in zip(logits, votes, strict=True):
        row[vote] += strength
    return logits


@pytest.mark.parametrize("votes", list(itertools.product(range(4), repeat=3)))
def test_all_64_ways_to_vote(votes: tuple[int, int, int]) -> None:
    for _ in range(4):
        decision = decide(voting(votes, strength=RNG.uniform(4, 12)))
        names = [SUBTYPES[vote] for vote in votes]
        assert list(decision.votes) == names
        # The rule in words, stated once more and in another way than the code's.
        benign_votes = names.count("benign")
        assert decision.label == ("benign" if benign_votes >= 2 else "malignant")
        mean = dict(zip(SUBTYPES, decision.probabilities, strict=True))
        if benign_votes >= 2:
            expected = "benign"
        else:
            candidates = {name for name in names if name != "benign"}
            most = max(names.count(name) for name in candidates)
            tied = {name for name in candidates if names.count(name) == most}
            expected = max(tied, key=lambda name: mean[name])
        assert decision.subtype == expected
        split = benign_votes in (1, 2)
        scattered = max(names.count(name) for name in SUBTYPES) < 2
        assert ("disagreement" in decision.review) == (split or scattered)


def test_the_highest_single_probability_does_not_overrule_two_votes() -> None:
    logits = np.array([[1.0, 0, 0, 0], [1.0, 0, 0, 0], [0, 30, 0, 0]])
    decision = decide(logits)
    assert decision.label == decision.subtype == "benign"
    assert {"disagreement", "low_confidence"} <= set(decision.review)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_probabilities_are_softmaxes_at_their_temperature(temperature: float) -> None:
    logits = RNG.normal(0, 3, (3, 4))
    temperatures = {"mobilenet": temperature, "xception": 1.0, "inception_v3": 1.7}
    decision = decide(logits, temperature=temperatures)
    for row, got, t in zip(
        logits, decision.backbone_probabilities, temperatures.values(), strict=True
    ):
        weights = [np.exp(float(np.float32(value)) / t) for value in row]
        np.testing.assert_allclose(got, np.array(weights) / sum(weights), rtol=1e-4)
    np.testing.assert_allclose(
        decision.probabilities, decision.backbone_probabilities.mean(axis=0), rtol=1e-5
    )
    assert decision.probabilities.dtype == np.float32
    assert decision.probabilities.sum() == pytest.approx(1)


def test_temperature_changes_no_vote() -> None:
    logits = RNG.normal(0, 2, (3, 4))
    hot = dict.fromkeys(majority.BACKBONES, 50.0)
    assert decide(logits).votes == decide(logits, temperature=hot).votes


def test_huge_logits_are_no_trouble() -> None:
    decision = decide(np.array([[1e30, 0, 0, 0], [-1e30, 1e30, 0, 0], [0, 0, 0, 3e38]]))
    assert np.isfinite(decision.probabilities).all()
    assert 0 <= decision.ood_score <= 1


# -- review ---------------------------------------------------------------------------------------


def test_a_sure_and_ordinary_answer_needs_no_review() -> None:
    assert decide(voting((2, 2, 2))).review == ()


@pytest.mark.parametrize("vote", [0, 1])
def test_low_confidence_is_about_the_label(vote: int) -> None:
    logits = np.zeros((3, 4))
    logits[:, vote] = 2.0
    label = "malignant" if vote else "benign"
    other = {"benign": 1.0, "malignant": 1.0, "subtype": 0.0}
    benign = float(decide(logits).probabilities[0])
    confidence = 1 - benign if vote else benign
    for apart, expected in ((-1e-4, False), (1e-4, True)):
        limits = other | {label: confidence + apart}
        assert ("low_confidence" in decide(logits, confidence=limits).review) == expected


def test_a_malignant_answer_has_to_be_sure_of_its_subtype_too() -> None:
    logits = np.tile([-9.0, 5.0, 4.9, -9.0], (3, 1))
    assert decide(logits).review == ()
    surer = {"benign": 0.9, "malignant": 0.9, "subtype": 0.6}
    assert decide(logits, confidence=surer).review == ("low_confidence",)
    benign = np.tile([5.0, 2.0, 2.0, 2.0], (3, 1))
    unsure = {"benign": 0.8, "malignant": 0.9, "subtype": 1.0}
    assert decide(benign, confidence=unsure).review == (), "a benign answer has no other subtype"


def test_a_strange_stain_is_out_of_distribution() -> None:
    quality = GOOD_QUALITY.copy()
    quality[6:12] = (0.2, 0.9, 0.2, 0.1, 0.8, 0.1)
    decision = decide(voting((0, 0, 0)), quality=quality)
    assert 0.99 < decision.ood_score < 1
    assert decision.review == ("out_of_distribution",)


def test_between_two_known_stains_lies_a_strange_one() -> None:
    for stain, strange in ((STAIN, False), (OTHER_STAIN, False), (None, True)):
        quality = GOOD_QUALITY.copy()
        middle = np.add(STAIN, OTHER_STAIN) / 2
        quality[6:12] = middle if stain is None else stain
        tight = majority.Appearance(
            policy().appearance.at,
            policy().appearance.known,
            np.eye(6) * 50,
            policy().appearance.quantiles,
        )
        rules = dataclasses.replace(policy(), appearance=tight)
        found = majority.decide(voting((0, 0, 0)), CAMS, quality, rules)
        assert ("out_of_distribution" in found.review) == strange


def test_the_farther_the_stranger() -> None:
    scores = []
    for step in (0.0, 0.3, 0.6, 1.0, 2.0, 4.0):
        quality = GOOD_QUALITY.copy()
        quality[6] += step
        scores.append(decide(voting((0, 0, 0)), quality=quality).ood_score)
    assert scores == sorted(scores)
    assert scores[-1] > scores[-2] > 0.99


@pytest.mark.parametrize("vote", [0, 2])
def test_how_strange_a_field_may_be_depends_on_the_label(vote: int) -> None:
    quality = GOOD_QUALITY.copy()
    quality[6] += 0.5
    score = decide(voting((vote,) * 3), quality=quality).ood_score
    label = "malignant" if vote else "benign"
    ood = copy.deepcopy(POLICY["ood"])
    for limit, expected in ((score - 0.01, True), (score + 0.01, False)):
        ood["review_above"] = {"benign": 0.0, "malignant": 0.0} | {label: limit}
        found = decide(voting((vote,) * 3), quality=quality, ood=ood)
        assert ("out_of_distribution" in found.review) == expected


def test_flat_logits_are_out_of_distribution() -> None:
    decision = decide(voting((1, 1, 1), strength=0.5))
    assert decision.ood_score == 1
    assert "out_of_distribution" in decision.review


def test_ood_score_is_the_larger_share_of_validation_images_below() -> None:
    quality = GOOD_QUALITY.copy()
    quality[6] += 0.25
    rules = policy()
    logits = voting((2, 2, 2))
    energy = -np.mean([np.log(np.exp(row).sum()) for row in logits])
    distance = 0.25 * 7
    shares = [
        np.mean(np.interp(np.linspace(0, 1, 100_001), np.linspace(0, 1, 101), known) < value)
        for known, value in (
            (rules.energy_quantiles, energy),
            (rules.appearance.quantiles, distance),
        )
    ]
    got = majority.decide(logits, CAMS, quality, rules).ood_score
    assert got == pytest.approx(max(shares), abs=1e-3)
    assert 0 < got < 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("sharpness", 4.0), ("brightness", 0.1), ("brightness", 0.99), ("contrast", 0.001)],
)
def test_poor_quality(field: str, value: float) -> None:
    quality = GOOD_QUALITY.copy()
    quality[majority.QUALITY_FIELDS.index(field)] = value
    assert decide(voting((2, 2, 2)), quality=quality).review == ("poor_quality",)


@pytest.mark.parametrize(("field", "value"), [("nuclei_share", 0.001), ("nuclei_purple", 0.0)])
def test_no_leukocytes(field: str, value: float) -> None:
    quality = GOOD_QUALITY.copy()
    quality[majority.QUALITY_FIELDS.index(field)] = value
    assert decide(voting((2, 2, 2)), quality=quality).review == ("no_leukocytes",)


@pytest.mark.parametrize("size", [5.0, 31.0])
def test_cells_of_another_size(size: float) -> None:
    at = majority.QUALITY_FIELDS.index("red_cell_size")
    quality = GOOD_QUALITY.copy()
    limits = {"red_cell_size": {"min": 6, "max": 30}}
    for measured, expected in ((size, ("scale",)), (0.0, ()), (12.0, ())):
        quality[at] = measured
        assert decide(voting((2, 2, 2)), quality=quality, scale=limits).review == expected
    quality[at] = size
    assert decide(voting((2, 2, 2)), quality=quality).review == (), "an earlier policy has none"


def test_one_leukocyte_is_too_few() -> None:
    at = majority.QUALITY_FIELDS.index("leukocytes")
    quality = GOOD_QUALITY.copy()
    limits = {"leukocytes": {"min": 2}}
    for votes in ((0, 0, 0), (2, 2, 2)):
        for count, expected in ((1, ("few_leukocytes",)), (2, ()), (30, ())):
            quality[at] = count
            assert decide(voting(votes), quality=quality, few=limits).review == expected
    quality[at] = 1
    assert decide(voting((2, 2, 2)), quality=quality).review == (), "an earlier policy has none"


def test_first_page_only() -> None:
    quality = GOOD_QUALITY.copy()
    quality[0] = 2
    assert decide(voting((2, 2, 2)), quality=quality).review == ("first_page_only",)


def test_every_reason_that_holds_is_given_in_order() -> None:
    quality = GOOD_QUALITY.copy()
    quality[[0, 1, 6, 12]] = (5, 0, 0, 0)
    size, count = {"red_cell_size": {"min": 20}}, {"leukocytes": {"min": 10}}
    decision = decide(np.eye(4)[:3] * 2, quality=quality, scale=size, few=count)
    assert decision.review == majority.REVIEW_REASONS


# -- what is no number ----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_label_for_values_that_are_no_numbers(bad: float) -> None:
    logits = voting((0, 0, 0))
    logits[1, 2] = bad
    with pytest.raises(majority.BackboneError, match="xception"):
        decide(logits)
    cams = [cam.copy() for cam in CAMS]
    cams[2][4, 4, 3] = bad
    with pytest.raises(majority.BackboneError, match="inception_v3"):
        decide(voting((0, 0, 0)), cams=cams)
    quality = GOOD_QUALITY.copy()
    quality[3] = bad
    with pytest.raises(majority.BackboneError, match="quality"):
        decide(voting((0, 0, 0)), quality=quality)


def test_shapes_are_checked() -> None:
    with pytest.raises(majority.BackboneError, match="logits"):
        decide(np.zeros((2, 4)))
    with pytest.raises(majority.BackboneError, match="3 class activation maps"):
        decide(voting((0, 0, 0)), cams=CAMS[:2])
    with pytest.raises(majority.BackboneError, match="quality"):
        decide(voting((0, 0, 0)), quality=GOOD_QUALITY[:17])


def test_a_caller_without_maps_gets_the_same_decision_and_an_empty_heat_map() -> None:
    for votes in itertools.product(range(4), repeat=3):
        logits = voting(votes)
        zeros = [np.zeros((side, side, 4), np.float32) for side in (7, 7, 5)]
        assert_same(decide(logits, cams=()), decide(logits, cams=zeros))


def test_many_images_are_decided_as_each_alone() -> None:
    logits = RNG.normal(0, 3, (3, 6, 4)).astype(np.float32)
    cams = [RNG.normal(0, 1, (6, side, side, 4)) for side in (7, 7, 5)]
    quality = np.tile(GOOD_QUALITY, (6, 1))
    rules = [policy(temperature=dict.fromkeys(majority.BACKBONES, 0.5 + n)) for n in range(6)]
    for maps in (cams, ()):
        together = majority.decide_each(logits, quality, rules, maps)
        for row, decision in enumerate(together):
            own = [each[row] for each in maps]
            assert_same(decision, majority.decide(logits[:, row], own, quality[row], rules[row]))
    with pytest.raises(ValueError, match="shorter"):
        majority.decide_each(logits, quality, rules[:5])


def assert_same(one: majority.Decision, other: majority.Decision) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


# -- heatmap --------------------------------------------------------------------------------------


def cams_with_peaks(*peaks: tuple[int, int]) -> list[np.ndarray]:
    cams = [np.full((side, side, 4), -1.0, np.float32) for side in (7, 7, 5)]
    for cam, (row, column) in zip(cams, peaks, strict=True):
        cam[row, column, 2] = 3.0
    return cams


def test_only_supporters_draw_the_heatmap() -> None:
    heatmap = decide(voting((2, 0, 2)), cams=cams_with_peaks((1, 1), (5, 5), (4, 4))).heatmap
    assert heatmap.shape == (7, 7)
    assert heatmap.dtype == np.float32
    assert heatmap[1, 1] == 1
    assert heatmap[5, 5] < 1, "only inception_v3's share of the corner"
    assert heatmap[6, 6] == 1, "its last cell covers the corner"
    assert heatmap[0, 6] == 0


def test_each_supporter_counts_the_same_whatever_its_scale() -> None:
    cams = cams_with_peaks((1, 1), (5, 5), (0, 4))
    cams[0] *= 100
    heatmap = decide(voting((2, 2, 0)), cams=cams).heatmap
    assert heatmap[1, 1] == heatmap[5, 5] == 1


def test_no_evidence_is_all_zero() -> None:
    cams = [-np.ones((side, side, 4), np.float32) for side in (7, 7, 5)]
    assert (decide(voting((0, 0, 0)), cams=cams).heatmap == 0).all()


def test_resizing_keeps_a_slope_a_slope() -> None:
    slope = np.zeros((5, 5))
    slope[:2] = np.arange(5.0)
    heatmap = majority.heatmap([slope])
    centres = np.clip((np.arange(7) + 0.5) * 5 / 7 - 0.5, 0, 4)
    for row in heatmap[:2]:
        np.testing.assert_allclose(row, centres / 4, rtol=1e-6)
    assert (heatmap[3:] == 0).all()


def test_a_fine_map_loses_no_evidence() -> None:
    for row, column in np.ndindex(28, 28):
        fine = np.zeros((28, 28))
        fine[row, column] = 1
        assert majority.heatmap([fine]).max() == 1


def test_what_a_map_says_everywhere_is_no_evidence() -> None:
    peak = np.full((14, 14), 5.0)
    peak[3, 3] = 6.0
    heatmap = majority.heatmap([peak])
    assert heatmap.max() == heatmap[1, 1] == 1
    assert (heatmap[4:] == 0).all()


FINITE = {"allow_nan": False, "allow_infinity": False, "width": 32}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    logits=hnp.arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, **FINITE)),
    cams=st.tuples(
        *(
            hnp.arrays(np.float32, (side, side, 4), elements=st.floats(-1e6, 1e6, **FINITE))
            for side in (7, 7, 5)
        )
    ),
    quality=hnp.arrays(
        np.float32, len(majority.QUALITY_FIELDS), elements=st.floats(0, 1e4, **FINITE)
    ),
)
def test_whatever_the_numbers_the_answer_keeps_its_bounds(
    logits: np.ndarray, cams: tuple[np.ndarray, ...], quality: np.ndarray
) -> None:
    decision = majority.decide(logits, cams, quality, policy())
    assert decision.label in ("benign", "malignant")
    assert (decision.subtype == "benign") == (decision.label == "benign")
    assert decision.subtype in decision.votes
    for row in (decision.probabilities, *decision.backbone_probabilities):
        assert row.min() >= 0
        assert row.sum() == pytest.approx(1, abs=1e-5)
    assert 0 <= decision.ood_score <= 1
    assert set(decision.review) <= set(majority.REVIEW_REASONS)
    assert decision.heatmap.min() >= 0
    assert decision.heatmap.max() == pytest.approx(1) or not decision.heatmap.any()
