"""Figures of predictions whose answers are known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from allclient.contract import QUALITY_FIELDS
from tests.unit.training.evaluation.conftest import BACKBONES, GOOD_QUALITY, says
from toolkit import served
from training.evaluation import figures, predictions
from training.evaluation.predictions import PredictionsError, Variant
from training.review import fold_policies, temperature_scaling

TARGETS = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3]
FLIPPED = [1, 0, 0, 0, 1, 1, 1, 0, 2, 2, 3, 3]
"""One benign called malignant, one malignant called benign."""


def three(answers: list[int] = TARGETS, **options) -> list:
    return [says(name, answers, targets=TARGETS, **options) for name in BACKBONES]


def known(folder: Path, policy: Path) -> dict:
    return figures.compute(folder, policy)["ways"]["known"]


def test_scores_follow_the_answers(store, policy: Path) -> None:
    found = known(store(*three(FLIPPED)), policy)
    for voter in (*BACKBONES, "majority", "mean", "weighted", "fuzzy_rank"):
        each = found["voters"][voter]
        assert each["scores"]["accuracy"] == pytest.approx(10 / 12, abs=1e-5)
        assert each["scores"]["specificity"] == pytest.approx(3 / 4)
        assert each["scores"]["sensitivity"] == pytest.approx(7 / 8)
        low, high = each["intervals"]["binary_balanced_accuracy"]
        assert low < each["scores"]["binary_balanced_accuracy"] < high
        assert each["confusion"][0] == [3, 1, 0, 0]
        assert each["classes"]["early_pre_b"]["recall"] == pytest.approx(3 / 4)
    assert (found["images"], found["groups"], found["slides"]) == (12, 12, 0)
    assert found["classes"]["benign"] == {"images": 4, "groups": 4, "slides": 0}
    assert found["missing"] == []


def test_the_whole_is_json_and_holds_what_the_schema_names(store, policy: Path) -> None:
    found = figures.compute(store(*three(FLIPPED)), policy)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    schema = figures.__doc__
    assert all(f'"{name}"' in schema for name in found)
    assert all(f'"{name}"' in schema for name in found["ways"]["known"])
    voter = found["ways"]["known"]["voters"]["majority"]
    assert all(f'"{name}"' in schema for name in voter)
    assert all(name in schema for name in voter["scores"])
    assert all(f'"{name}"' in schema for name in found["ways"]["known"]["review"])
    assert all(f'"{name}"' in schema for name in found["ways"]["known"]["bounds"][0])


def test_fuzzy_rank_claims_no_probabilities(store, policy: Path) -> None:
    voter = known(store(*three(FLIPPED)), policy)["voters"]["fuzzy_rank"]
    assert voter["reliability"] is None
    assert voter["scores"]["ece"] is None
    assert voter["scores"]["roc_area"] is not None


def test_the_served_vote_and_the_voter_majority_are_the_same(store, policy: Path) -> None:
    """Review and scores must speak of the same answers, also where backbones disagree."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 4, 120).tolist()
    given = []
    for name in BACKBONES:
        each = says(name, targets, targets=targets)
        noisy = each.logits + rng.normal(0, 4, each.logits.shape).astype(np.float32)
        given.append(dataclasses.replace(each, logits=noisy))
    found = known(store(*given), policy)
    wrong = 120 - np.trace(found["voters"]["majority"]["confusion"])
    risk = found["coverage"]["confidence"]
    assert risk["coverage"][-1] == 1
    assert risk["class_risk"][-1] == pytest.approx(wrong / 120, abs=1e-5)
    review = found["review"]
    assert 0 < review["coverage"] < 1
    alone = review["without_review"]
    assert alone["images"] == round(120 * review["coverage"])
    # What the policy lets through comes first in its own order.
    place = np.searchsorted(found["coverage"]["policy"]["coverage"], review["coverage"])
    if alone["wrong_class"] == 0:
        assert found["coverage"]["policy"]["class_risk"][place - 1] == 0


def test_review_counts_what_the_policy_lets_through(store, policy: Path) -> None:
    """Sure answers on familiar fields stand alone; the two wrong ones among them are counted."""
    slides = ["A"] * 4 + ["B"] * 8
    review = known(store(*three(FLIPPED, slides=slides)), policy)["review"]
    assert review["review"] == 0
    assert review["without_review"] == {
        "images": 12,
        "wrong_class": 2,
        "wrong_label": 2,
        "wrong_class_share": pytest.approx(1 / 6, abs=1e-5),
        "wrong_label_share": pytest.approx(1 / 6, abs=1e-5),
        "malignant_called_benign": 1,
        "benign_called_malignant": 1,
    }
    assert review["slides"]["A"] == {
        "class": "benign",
        "images": 4,
        "without_review": 4,
        "wrong_class": 1,
        "wrong_label": 1,
    }


def test_slides_count_the_same_whatever_their_size(store, policy: Path) -> None:
    slides = ["A", "B", "B", "B", "C", "C", "C", "C", "D", "D", "D", "D"]
    voter = known(store(*three(FLIPPED, slides=slides)), policy)["voters"]["majority"]
    assert {name: each["binary_accuracy"] for name, each in voter["slides"].items()} == {
        "A": 0,
        "B": 1,
        "C": 0.75,
        "D": 1,
    }
    assert voter["slide_mean"] == {
        "accuracy": pytest.approx((0 + 1 + 3 / 4 + 1) / 4),
        "sensitivity": pytest.approx(7 / 8),
        "specificity": pytest.approx(1 / 2),
        "binary_balanced_accuracy": pytest.approx(11 / 16),
    }


def test_temperatures_come_from_the_policy_or_from_the_folds_own_validation(
    store, policy: Path
) -> None:
    parts = ["val"] * 6 + ["test"] * 6
    targets = [0, 1, 2, 3, 0, 1] * 2
    given = []
    for protocol, fold in (("known", "known"), ("random", "random")):
        for name in BACKBONES:
            each = says(
                name, targets, targets=targets, protocol=protocol, folds=[fold] * 12, parts=parts
            )
            logits = each.logits.copy()
            logits[0] = [0, 4, 0, 0]  # one validation image wrong
            given.append(dataclasses.replace(each, logits=logits))
    found = figures.compute(store(*given), policy)["ways"]
    loaded = served.majority.Policy.load(policy)
    fold = found["known"]["folds"]["known"]
    assert (fold["images"], fold["val_images"]) == (6, 6)
    assert list(fold["temperature"].values()) == pytest.approx(loaded.temperature.tolist())
    own = temperature_scaling.temperature(given[-1].logits[:6], np.array(targets[:6]))
    assert found["random"]["folds"]["random"]["temperature"]["inception_v3"] == pytest.approx(
        own, rel=1e-4
    )
    assert sum(fold["weights"].values()) == pytest.approx(1, abs=1e-4)


def test_one_backbone_alone_is_scored_without_fusions_and_review(store, policy: Path) -> None:
    found = known(store(says("xception", FLIPPED, targets=TARGETS)), policy)
    assert list(found["voters"]) == ["xception"]
    assert found["review"] is None
    assert found["coverage"] is None


def test_what_a_backbone_lacks_is_named_and_left_out_for_all(store, policy: Path) -> None:
    folds = ["S1"] * 6 + ["S2"] * 6
    first, second, third = three(FLIPPED, protocol="slides", folds=folds)
    half = dataclasses.replace(
        second,
        **{name: getattr(second, name)[:6] for name in predictions.ARRAYS},
    )
    found = figures.compute(store(first, half, third), policy)["ways"]["slides"]
    assert found["missing"][0] == "xception: fold S2"
    assert found["images"] == 6
    assert list(found["folds"]) == ["S1"]


def test_single_images_that_are_not_common_are_named(store, policy: Path) -> None:
    first, second, third = three(FLIPPED)
    fewer = dataclasses.replace(
        second, **{name: getattr(second, name)[:-1] for name in predictions.ARRAYS}
    )
    found = known(store(first, fewer, third), policy)
    assert found["images"] == 11
    assert found["missing"] == [
        "1 images that mobilenet answered and another backbone did not",
        "1 images that inception_v3 answered and another backbone did not",
    ]


def test_predictions_of_different_preprocessing_are_not_mixed(store, policy: Path) -> None:
    other = np.tile(GOOD_QUALITY * 1.1, (12, 1))
    first, second, _ = three()
    folder = store(first, dataclasses.replace(second, quality=other))
    with pytest.raises(PredictionsError, match="mobilenet and xception were evaluated on diff"):
        figures.compute(folder, policy)


def test_an_image_tested_by_two_folds_does_not_count_twice(store, policy: Path) -> None:
    each = says(
        "xception", TARGETS, targets=TARGETS, protocol="slides", folds=["A"] * 6 + ["A+B"] * 6
    )
    twice = dataclasses.replace(each, paths=np.array([f"{n % 6}.jpg" for n in range(12)]))
    with pytest.raises(PredictionsError, match="test part of two folds"):
        figures.compute(store(twice), policy)


def test_a_set_from_outside_counts_alarms_without_review(store, policy: Path) -> None:
    answers = [0, 0, 1, 2, 0, 0]
    given = [
        says(name, answers, targets=[0] * 6, protocol="outside-healthy", folds=["known"] * 6)
        for name in BACKBONES
    ]
    found = figures.compute(store(*given), policy)["outside"]["healthy"]
    assert found["class"] == "benign"
    assert found["voters"]["majority"]["called_malignant"] == 2
    assert found["malignant_without_review"] == 2
    assert found["malignant_without_review_share"] == pytest.approx(1 / 3, abs=1e-5)
    assert found["review"]["without_review"]["benign_called_malignant"] == 2


def test_other_bounds_let_other_answers_through(store, policy: Path) -> None:
    """Six malignant answers rest on one to six leukocytes; two benign images are called so."""
    targets = [0, 0, 1, 2, 3, 3]
    quality = np.tile(GOOD_QUALITY, (6, 1)).astype(np.float32)
    quality[:, QUALITY_FIELDS.index("leukocytes")] = [1, 2, 3, 4, 5, 6]
    given = [
        dataclasses.replace(
            says(name, [1, 1, 1, 2, 3, 3], targets=targets, protocol="outside-x", folds=["k"] * 6),
            quality=quality,
        )
        for name in BACKBONES
    ]
    found = figures.compute(store(*given), policy)["outside"]["x"]["bounds"]
    by_bounds = {(row["leukocytes"], row["ood_score"]): row for row in found}
    for fewest, (answers, wrong) in {1: (6, 2), 2: (5, 1), 3: (4, 0), 4: (3, 0)}.items():
        row = by_bounds[fewest, 0.995]
        assert (row["without_review"], row["wrong_label"]) == (answers, wrong)
    strange = [dataclasses.replace(each, logits=each.logits * 0 + 0.01) for each in given]
    found = figures.compute(store(*strange), policy)["outside"]["x"]["bounds"]
    assert not any(row["without_review"] for row in found), "nor does a bound help who is unsure"


def test_a_set_with_both_labels_is_scored_by_the_label_alone(store, policy: Path) -> None:
    """Two benign images, four malignant ones of unknown stage; one of either is called wrong."""
    targets, answers = [0, 0, 4, 4, 4, 4], [0, 1, 0, 1, 2, 3]
    given = [
        says(name, answers, targets=targets, protocol="outside-x", folds=["known"] * 6)
        for name in BACKBONES
    ]
    found = figures.compute(store(*given), policy)["outside"]["x"]
    assert found["class"] is None
    assert (found["images"], found["malignant"]) == (6, 4)
    label = found["voters"]["majority"]["label"]
    assert label["binary_balanced_accuracy"]["value"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    alone = found["review"]["without_review"]
    assert alone["wrong_class"] is None
    assert alone["wrong_class_share"] is None
    assert alone["wrong_label_share"] == pytest.approx(1 / 3, abs=1e-5)
    assert (alone["malignant_called_benign"], alone["benign_called_malignant"]) == (1, 1)


def test_a_stage_may_be_unknown_in_sets_from_outside_alone() -> None:
    says("xception", TARGETS, targets=[4] * len(TARGETS), protocol="outside-x")
    with pytest.raises(PredictionsError, match="class indexes up to 3"):
        says("xception", TARGETS, targets=[4] * len(TARGETS), protocol="known")


def test_a_set_from_outside_with_doubt_raises_no_alarm(store, policy: Path) -> None:
    strange = np.tile(GOOD_QUALITY, (6, 1))
    strange[:, QUALITY_FIELDS.index("background_green")] = 0.1
    given = [
        says(
            name,
            [1] * 6,
            targets=[0] * 6,
            protocol="outside-x",
            folds=["known"] * 6,
            quality=strange,
        )
        for name in BACKBONES
    ]
    found = figures.compute(store(*given), policy)["outside"]["x"]
    assert found["voters"]["majority"]["called_malignant_share"] == 1
    assert found["malignant_without_review"] == 0


def changed(answers: list[int], rows: list[int]) -> Variant:
    quality = np.tile(GOOD_QUALITY, (len(rows), 1))
    return Variant(np.array(rows), (np.eye(4)[answers] * 6).astype(np.float32), quality)


def test_probes_compare_each_image_with_itself(store, policy: Path) -> None:
    rows = [0, 1, 4, 8]
    variants = {
        "probe.bar_in.large_500-lower_left": changed([1, 1, 1, 2], rows),
        "probe.bar_in.small_red-upper_left": changed([1, 0, 2, 2], rows),
    }
    meta = {"changed": {"images": 4, "seed": 5}}
    found = figures.compute(store(*three(FLIPPED, variants=variants, meta=meta)), policy)["probes"]
    assert (found["way"], found["images"], found["seed"]) == ("known", 4, 5)
    family = found["families"]["bar_in"]
    assert family["expect"] == "same"
    assert family["worst"] == {
        "variant": "probe.bar_in.large_500-lower_left",
        "label_changed": 0.25,
    }
    assert family["label_changed"] == pytest.approx(1 / 8)
    assert family["class_changed"] == pytest.approx(1 / 4)
    one = found["variants"]["probe.bar_in.large_500-lower_left"]
    assert one["voters"]["majority"] == {
        "label_changed": 0.25,
        "class_changed": 0.25,
        "called_malignant": 1,
        "called_malignant_before": 0.75,
    }
    assert (one["review"], one["review_before"]) == (0, 0)
    assert one["malignant_without_review"] == 1


def test_stress_goes_through_the_unchanged_images(store, policy: Path) -> None:
    rows = [1, 2, 4, 5]
    variants = {
        "stress.gamma.0.5": changed([0, 0, 1, 0], rows),
        "stress.gamma.2": changed([1, 1, 1, 1], rows),
    }
    stress = figures.compute(store(*three(FLIPPED, variants=variants)), policy)["stress"]
    points = stress["axes"]["gamma"]["points"]
    assert [point["strength"] for point in points] == [0.5, 1, 2]
    assert [point["voters"]["majority"]["accuracy"] for point in points] == [0.75, 1, 0.5]
    assert [point["wrong_class_without_review_share"] for point in points] == [0.25, 0, 0.5]


def test_variants_find_their_images_whatever_the_order_of_rows(store, policy: Path) -> None:
    """One backbone has its rows in reverse, and its changed copies too."""
    first, second, third = three(FLIPPED, variants={"probe.hue.+20": changed([1, 0], [0, 4])})
    turned = {name: getattr(second, name)[::-1].copy() for name in predictions.ARRAYS}
    second = dataclasses.replace(
        second, **turned, variants={"probe.hue.+20": changed([0, 1], [7, 11])}
    )
    found = figures.compute(store(first, second, third), policy)["probes"]["variants"]
    found = found["probe.hue.+20"]
    for voter in (*BACKBONES, "majority"):
        assert found["voters"][voter]["class_changed"] == pytest.approx(0.5)


def test_maps_are_averaged_over_what_was_measured(store, policy: Path) -> None:
    heat = np.full((12, 3), np.nan, np.float32)
    heat[0], heat[5] = (0.6, 0.2, 1), (0.2, 0.2, 0)
    cams = figures.compute(store(*three(nuclei_heat=heat)), policy)["cams"]["known"]["mobilenet"]
    assert (cams["images"], cams["not_measured"]) == (2, 10)
    assert cams["heat"] == pytest.approx(0.4)
    assert cams["ratio"] == pytest.approx(2)
    assert cams["pointing"] == pytest.approx(0.5)
    assert cams["classes"]["benign"]["heat"] == pytest.approx(0.6)
    assert cams["classes"]["pro_b"]["heat"] is None


def test_costs_are_taken_over_as_measured(store, policy: Path) -> None:
    folder = store(*three())
    assert figures.compute(folder, policy)["cost"] is None
    (folder / figures.COST).write_text('{"threads": 1}')
    assert figures.compute(folder, policy)["cost"] == {"threads": 1}


def test_mcnemar_sees_who_is_right_alone(store, policy: Path) -> None:
    first, second, third = three()
    worse = dataclasses.replace(second, logits=three(FLIPPED)[1].logits)
    table = known(store(first, worse, third), policy)["mcnemar"]
    row = next(
        each
        for each in table
        if (each["first"], each["second"], each["question"]) == ("mobilenet", "xception", "class")
    )
    assert (row["first_only_right"], row["second_only_right"]) == (2, 0)
    assert row["p"] == pytest.approx(0.5)
    assert row["difference"] == pytest.approx(1 / 6, abs=1e-5)
    assert row["interval"][0] <= row["difference"] <= row["interval"][1]


def slides_left_out() -> list:
    """Two folds, each with validation rows of the other's slide."""
    return three(
        FLIPPED,
        protocol="slides",
        folds=["S1"] * 6 + ["S2"] * 6,
        slides=["S1"] * 4 + ["S2"] * 6 + ["S1"] * 2,
        parts=["test"] * 4 + ["val"] * 2 + ["test"] * 4 + ["val"] * 2,
    )


def judge(folder: Path, fold: str, policy: Path, **change: object) -> Path:
    """Write the policy of a fold: the made-up one with the fold's own temperatures."""
    given = {each.backbone: each for each in slides_left_out()}
    content = json.loads(policy.read_text())
    for name, each in given.items():
        rows = (each.folds == fold) & (each.parts == "val")
        content["temperature"][name] = temperature_scaling.temperature(
            each.logits[rows], each.targets[rows]
        )
    path = fold_policies.place(folder, fold)
    fold_policies.save(folder, {fold: {**content, **change}})
    return path


def test_slides_left_out_are_judged_by_policies_that_do_not_know_them(store, policy: Path) -> None:
    folder = store(*slides_left_out())
    found = figures.compute(folder, policy)["ways"]["slides"]
    assert found["review"] is None
    assert found["missing"] == [
        "policy of the fold S1; python -m training calibrate makes it",
        "policy of the fold S2; python -m training calibrate makes it",
    ]
    judge(folder, "S1", policy)
    strict = {"benign": 1.0, "malignant": 1.0, "subtype": 1.0}
    judge(folder, "S2", policy, confidence=strict)
    found = figures.compute(folder, policy)["ways"]["slides"]
    assert found["missing"] == []
    assert found["review"]["slides"]["S1"]["without_review"] == 4
    assert found["review"]["slides"]["S2"]["without_review"] == 0


def test_a_policy_fitted_on_other_predictions_is_refused(store, policy: Path) -> None:
    folder = store(*slides_left_out())
    for fold in ("S1", "S2"):
        judge(folder, fold, policy, temperature=dict.fromkeys(BACKBONES, 2.0))
    with pytest.raises(PredictionsError, match=r"S1\.json was fitted on other predictions"):
        figures.compute(folder, policy)


def test_predictions_of_an_older_preprocessing_are_refused(store, policy: Path) -> None:
    old = np.tile(GOOD_QUALITY[:-1], (12, 1))
    with pytest.raises(PredictionsError, match="other quality values than today"):
        figures.compute(store(says("xception", TARGETS, targets=TARGETS, quality=old)), policy)


def test_backbones_without_a_common_image_are_not_compared(store, policy: Path) -> None:
    first = says("mobilenet", TARGETS, targets=TARGETS, protocol="slides", folds=["S1"] * 12)
    second = says("xception", TARGETS, targets=TARGETS, protocol="slides", folds=["S2"] * 12)
    with pytest.raises(PredictionsError, match="no test image was answered by all of mobilenet"):
        figures.compute(store(first, second), policy)
