"""Lists the goals for laboratories that nothing learned from, and where each is measured."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from typing import Any, Final

from training.report import numbers
from training.report.outside import together
from training.report.reading import Figures, Measured, at, measured
from training.report.verdicts import Goal
from training.report.votes import compare
from training.report.wording import PROTOCOLS, VOTERS

HEALTHY: Final = ("lisc", "raabin-seg", "healthy-other-labs")
"""Sets of healthy pictures of other laboratories."""
DELHI, TEHRAN = "cnmc2019", "all-smears"


def _best(figures: Figures, protocol: str, source: str) -> tuple[str, Any]:
    """Return the idea that orders a source best under a protocol, and its scores."""
    ideas = at(figures, "laboratories", "evaluated", "pictures") or {}
    scores = {
        idea: found
        for idea in ideas
        if at(found := at(ideas, idea, protocol, source), "auroc", "value") is not None
    }
    if not scores:
        return "", None
    idea = max(scores, key=lambda each: float(scores[each]["auroc"]["value"]))
    return idea, scores[idea]


def _read(figures: Figures, *, protocol: str, source: str, name: str) -> Measured:
    found = at(_best(figures, protocol, source)[1], name)
    return measured(at(found, "value"), at(found, "interval"))


def _said(figures: Figures, *, protocol: str, source: str) -> str:
    idea = _best(figures, protocol, source)[0]
    return f"{idea}; chosen for its AUROC with these figures in sight" if idea else ""


def _cells(where: str, figure: str, name: str, bound: float, *, protocol: str, source: str) -> Goal:
    return Goal(
        where,
        figure,
        partial(_read, protocol=protocol, source=source, name=name),
        bound,
        at_least=name != "ece",
        form=Measured.as_decimal,
        beside=partial(_said, protocol=protocol, source=source),
    )


def _share(
    part: str, whole: str, names: Container[str] | None = None
) -> Callable[[Figures], Measured]:
    def read(figures: Figures) -> Measured:
        counts = together(figures, names)
        top, bottom = counts[part], counts[whole]
        return Measured(top / bottom) if top is not None and bottom else Measured()

    return read


def _answered(figures: Figures) -> str:
    counts = together(figures)
    if counts["answered"] is None:
        return ""
    given, images = (numbers.count(counts[name]) for name in ("answered", "images"))
    return f"{given} answers without review to {images} pictures of {len(figures['outside'])} sets"


def _ahead(figures: Figures, protocol: str) -> Measured:
    comparison = compare(figures, protocol, "class")
    return comparison.pair.difference if comparison else Measured()


def _of_the_best(figures: Figures, protocol: str) -> str:
    comparison = compare(figures, protocol, "class")
    return f"the best is {VOTERS[comparison.best]}; {comparison.against()}" if comparison else ""


GOALS: Final = (
    *(
        Goal(
            PROTOCOLS[protocol],
            "vote less its best backbone, four classes accuracy",
            partial(_ahead, protocol=protocol),
            0.0,
            form=Measured.as_points,
            beside=partial(_of_the_best, protocol=protocol),
        )
        for protocol in ("slides", "random")
    ),
    _cells("Delhi, new patients", "cells, AUROC", "auroc", 0.91, protocol="groups", source=DELHI),
    _cells(
        "Delhi, new patients",
        "cells, balanced accuracy",
        "balanced_accuracy",
        0.84,
        protocol="groups",
        source=DELHI,
    ),
    _cells("Delhi left out", "cells, AUROC", "auroc", 0.87, protocol="laboratories", source=DELHI),
    _cells(
        "Tehran left out", "fields, AUROC", "auroc", 0.92, protocol="laboratories", source=TEHRAN
    ),
    _cells(
        "Delhi left out",
        "cells, calibration error (ECE)",
        "ece",
        0.05,
        protocol="laboratories",
        source=DELHI,
    ),
    _cells(
        "Tehran left out",
        "fields, calibration error (ECE)",
        "ece",
        0.05,
        protocol="laboratories",
        source=TEHRAN,
    ),
    Goal(
        "LISC, Raabin, healthy-other-labs",
        "healthy pictures called malignant without review",
        _share("alarms", "images", HEALTHY),
        0.01,
        at_least=False,
        size=lambda figures: together(figures, HEALTHY)["images"],
    ),
    Goal(
        "Laboratories left out",
        "the served vote: answered without review",
        _share("answered", "images"),
        0.3,
        beside=_answered,
    ),
    Goal(
        "Laboratories left out",
        "answers given without review: share with a wrong label",
        _share("wrong", "answered"),
        0.05,
        at_least=False,
        size=lambda figures: together(figures)["answered"],
        beside=_answered,
    ),
)
