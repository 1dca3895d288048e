from __future__ import annotations

from typing import Any

import pytest

from training.report import goals
from training.report.reading import Measured
from training.report.verdicts import MET, NOT_MET, UNKNOWN, Goal, Outcome


def outcome(value, interval=None, *, size=None, **rule: Any) -> Outcome:
    goal = Goal("somewhere", "a figure", lambda figures: Measured(), **rule)
    return Outcome(goal, Measured(value, interval), size, "")


@pytest.mark.parametrize(
    ("found", "verdict", "remark"),
    [
        (outcome(0.9, (0.86, 0.95), bound=0.85), MET, ""),
        (outcome(0.9, (0.8, 0.95), bound=0.85), MET, "the interval reaches across the goal"),
        (outcome(0.84, (0.8, 0.86), bound=0.85), NOT_MET, "the interval reaches across the goal"),
        (outcome(0.7, (0.6, 0.8), bound=0.85), NOT_MET, ""),
        (outcome(0.85, (0.85, 0.9), bound=0.85), MET, ""),
        (outcome(None, bound=0.85), UNKNOWN, ""),
        (outcome(0.02, (0.0, 0.02), bound=0.02, at_least=False), MET, ""),
        (outcome(0.021, (0.0205, 0.03), bound=0.02, at_least=False), NOT_MET, ""),
        (outcome(0.0, bound=0.0, strict=True), NOT_MET, "no interval"),
        (outcome(0.001, bound=0.0, strict=True), MET, "no interval"),
    ],
)
def test_the_value_decides_and_the_interval_is_told(found: Outcome, verdict, remark) -> None:
    assert (found.verdict, found.remark) == (verdict, remark)


def test_no_failures_are_no_proof() -> None:
    found = outcome(0.0, bound=0.02, at_least=False, size=73)
    assert found.verdict == MET
    assert "up to 4.1% would fit as well" in found.remark


def by_figure(figures) -> dict[str, Outcome]:
    return {f"{o.goal.where}: {o.goal.figure}": o for o in goals.outcomes(figures)}


def test_values_come_from_the_figures_alone(figures: dict[str, Any]) -> None:
    vote = figures["ways"]["slides"]["voters"]["majority"]
    vote["scores"]["binary_balanced_accuracy"] = 0.96
    vote["intervals"]["binary_balanced_accuracy"] = [0.94, 0.98]
    figures["outside"]["healthy-other-labs"]["malignant_without_review_share"] = 0.5
    found = by_figure(figures)
    balanced = found["Leave one slide out: vote, benign/malignant balanced accuracy"]
    assert balanced.found == Measured(0.96, (0.94, 0.98))
    assert balanced.verdict == MET
    alarms = found["Healthy fields of other laboratories: called malignant without review"]
    assert (alarms.found.value, alarms.verdict) == (0.5, NOT_MET)
    assert found["Random split: vote, benign/malignant accuracy"].verdict == UNKNOWN


def test_a_report_without_anything_meets_nothing() -> None:
    assert {each.verdict for each in goals.outcomes({})} == {UNKNOWN}


def test_probes_count_by_their_worst_variant_and_only_when_all_families_are_there(
    figures: dict[str, Any],
) -> None:
    title = "Probe: scale bar painted in or out: labels changed, worst variant"
    variants = figures["probes"]["variants"]
    inside = variants["probe.bar_in.small_black-lower_right"]["voters"]["majority"]
    outside = variants["probe.bar_out.inpainted"]["voters"]["majority"]
    inside["label_changed"], outside["label_changed"] = 0.001, 0.3
    assert by_figure(figures)[title].found.value == 0.3
    del variants["probe.bar_out.inpainted"]
    assert by_figure(figures)[title].verdict == UNKNOWN


def test_probes_of_a_single_network_are_not_those_of_the_vote(figures: dict[str, Any]) -> None:
    for each in figures["probes"]["variants"].values():
        del each["voters"]["majority"]
    found = by_figure(figures)
    assert found["Probe: scale bar painted in or out: labels changed, worst variant"].verdict == (
        UNKNOWN
    )
