"""Lists the goals of the project, and where in the figures each is measured.

The figures come from report.json alone; ``training.report.verdicts`` has the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from training.report import reach
from training.report.reading import Figures, Measured, at, measured, reviewed, score
from training.report.verdicts import Goal, Outcome
from training.report.votes import compare
from training.report.wording import PROTOCOLS, VOTE, VOTERS


def _vote(protocol: str, name: str, figure: str, bound: float, **more: Any) -> Goal:
    """Return a goal for one score of the vote in one protocol."""
    read = partial(score, protocol=protocol, voter=VOTE, name=name)
    more.setdefault("size", lambda figures: at(figures, "ways", protocol, "groups"))
    return Goal(PROTOCOLS[protocol], f"vote, {figure}", read, bound, key=(protocol, name), **more)


def _alone(name: str) -> Callable[[Figures], Measured]:
    return lambda figures: reviewed(at(figures, "ways", "slides", "review"), name)


def _at_coverage(figures: Figures) -> str:
    coverage = reviewed(at(figures, "ways", "slides", "review"), "coverage")
    if coverage.value == 0:
        return "no answer is given without review"
    return f"at a coverage of {coverage.as_share()}" if coverage.known else ""


def _answered(figures: Figures) -> float | None:
    images: float | None = at(figures, "ways", "slides", "review", "without_review", "images")
    return images


def _balanced(figures: Figures) -> str:
    balanced = score(figures, "slides", VOTE, "balanced_accuracy")
    return f"mean of the classes {balanced.as_share()}" if balanced.known else ""


def _ahead(figures: Figures) -> Measured:
    comparison = compare(figures, "known", "class")
    return comparison.pair.difference if comparison else Measured()


def _best(figures: Figures) -> str:
    comparison = compare(figures, "known", "class")
    return f"the best is {VOTERS[comparison.best]}; {comparison.against()}" if comparison else ""


HEALTHY: Final = "healthy-other-labs"


def _outside(figures: Figures) -> Measured:
    healthy = at(figures, "outside", HEALTHY)
    return measured(at(healthy, "malignant_without_review_share"), at(healthy, "interval"))


def _worst(*families: str) -> Callable[[Figures], Measured]:
    """Return the share of the vote's labels that the worst variant of the families changed.

    Nothing where a family is missing: the worst of the others would flatter.
    """

    def read(figures: Figures) -> Measured:
        variants = list((at(figures, "probes", "variants") or {}).values())
        shares = [
            measured(at(each, "voters", VOTE, "label_changed"), each.get("label_changed_interval"))
            for each in variants
            if each.get("family") in families
        ]
        families_measured = {each.get("family") for each in variants}
        if not families_measured.issuperset(families) or not all(each.known for each in shares):
            return Measured()
        return max(shares, key=lambda each: each.number)

    return read


def _changed(figures: Figures) -> float | None:
    images: float | None = at(figures, "probes", "images")
    return images


GOALS: Final = (
    _vote(
        "random",
        "binary_accuracy",
        "benign/malignant accuracy",
        0.995,
        before="96.5%",
        before_by="the paper",
    ),
    _vote(
        "known",
        "accuracy",
        "four classes accuracy",
        0.985,
        before="94.7-95.9%",
        before_by="colour features",
    ),
    _vote(
        "known",
        "binary_accuracy",
        "benign/malignant accuracy",
        0.99,
        before="97.5%",
        before_by="colour features",
    ),
    _vote("known", "sensitivity", "sensitivity", 0.99),
    Goal(
        PROTOCOLS["known"],
        "vote less its best backbone, four classes accuracy",
        _ahead,
        0.0,
        strict=True,
        form=Measured.as_points,
        beside=_best,
    ),
    _vote(
        "slides",
        "binary_balanced_accuracy",
        "benign/malignant balanced accuracy",
        0.95,
        before="50%",
        before_by="colour features",
    ),
    _vote(
        "slides",
        "accuracy",
        "four classes accuracy",
        0.88,
        before="25%",
        before_by="colour features",
        beside=_balanced,
    ),
    Goal(
        "Leave one slide out",
        "answers given without review: share with a wrong label",
        _alone("wrong_label_share"),
        0.05,
        at_least=False,
        size=_answered,
        beside=_at_coverage,
    ),
    Goal(
        "Leave one slide out",
        "answers given without review: share with a wrong class",
        _alone("wrong_class_share"),
        0.05,
        at_least=False,
        size=_answered,
        beside=_at_coverage,
    ),
    Goal(
        "Healthy fields of other laboratories",
        "called malignant without review",
        _outside,
        0.02,
        at_least=False,
        size=lambda figures: at(figures, "outside", HEALTHY, "images"),
    ),
    _vote(
        "known",
        "ece",
        "calibration error (ECE)",
        0.02,
        at_least=False,
        form=Measured.as_decimal,
        size=lambda figures: None,
    ),
    Goal(
        "Probe: scale bar painted in or out",
        "labels changed, worst variant",
        _worst("bar_in", "bar_out"),
        0.005,
        at_least=False,
        size=_changed,
    ),
    Goal(
        "Probe: hue turned by up to 20 degrees, brightness by 15%",
        "labels changed, worst variant",
        _worst("hue", "brightness"),
        0.02,
        at_least=False,
        size=_changed,
    ),
)


def outcomes(figures: Figures) -> list[Outcome]:
    """Return every goal with what was measured."""
    return [
        Outcome(goal, goal.read(figures), goal.size(figures), goal.beside(figures))
        for goal in (*GOALS, *reach.GOALS)
    ]


def bound(protocol: str, name: str) -> float | None:
    """Return the goal for one score of the vote, or None where there is none."""
    return next((each.bound for each in GOALS if each.key == (protocol, name)), None)


def before(protocol: str, name: str) -> str:
    """Return what colour features or the paper reached in one score, or nothing."""
    return next((each.before for each in GOALS if each.key == (protocol, name)), "")
