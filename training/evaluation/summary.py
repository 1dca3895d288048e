"""Scores answers: those of each backbone, those of the vote, and those that need no review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from allclient.contract import BACKBONES, SUBTYPES
from training.evaluation.answers import Answer
from training.metrics import classification

ROWS = {
    "accuracy": "accuracy, four classes",
    "balanced_accuracy": "balanced accuracy, four classes",
    "binary_accuracy": "accuracy, benign/malignant",
    "binary_balanced_accuracy": "balanced accuracy, benign/malignant",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}


def summarise(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return scores by voter, review figures and the failed images, ready for JSON.

    Scores count answered images; the failed ones are listed, so that none is lost.
    """
    answered = [each for each in answers if not each.error]
    targets = [each.sample.target for each in answered]
    scores = {
        backbone.value: classification.scores(targets, [each.votes[place] for each in answered])
        for place, backbone in enumerate(BACKBONES)
    }
    scores["vote"] = classification.scores(targets, [each.subtype for each in answered])
    return {
        "images": len(answers),
        "answered": len(answered),
        "scores": scores,
        "review": review(answered),
        "failed": [
            {"file": each.sample.path.name, "reason": each.error} for each in answers if each.error
        ],
    }


def review(answered: Sequence[Answer]) -> dict[str, Any]:
    """Return how many answers ask for review and why, and how good the others are."""
    alone = [each for each in answered if not each.review]
    benign = classification.BENIGN
    wrong = [each for each in alone if each.subtype != each.sample.target]
    false_alarms = [e for e in alone if e.sample.target == benign and e.subtype != benign]
    missed = [e for e in alone if e.sample.target != benign and e.subtype == benign]
    reasons = sorted({reason for each in answered for reason in each.review})
    return {
        "rate": _share(len(answered) - len(alone), len(answered)),
        "coverage": _share(len(alone), len(answered)),
        "reasons": {r: sum(r in each.review for each in answered) for r in reasons},
        "without_review": {
            "images": len(alone),
            "wrong_class": len(wrong),
            "error_share": _share(len(wrong), len(alone)),
            "malignant_called_benign": len(missed),
            "benign_called_malignant": len(false_alarms),
        },
    }


def show(summary: dict[str, Any], console: Console) -> None:
    """Print a summary as a table."""
    scores = summary["scores"]
    table = Table(title=f"{summary['answered']} of {summary['images']} images answered")
    table.add_column("")
    for name in scores:
        table.add_column(name, justify="right")
    for key, title in ROWS.items():
        table.add_row(title, *(_percent(each[key]) for each in scores.values()))
    console.print(table)
    confusion = Table(title="vote: true class by row, answer by column")
    confusion.add_column("")
    for subtype in SUBTYPES:
        confusion.add_column(subtype.value, justify="right")
    for subtype, row in zip(SUBTYPES, scores["vote"]["confusion"], strict=True):
        confusion.add_row(subtype.value, *map(str, row))
    console.print(confusion)
    figures = summary["review"]
    alone = figures["without_review"]
    reasons = ", ".join(f"{name} {count}" for name, count in figures["reasons"].items())
    console.print(
        f"review asked for {_percent(figures['rate'])} ({reasons or 'none'}); "
        f"{alone['images']} answers without review, {_percent(alone['error_share'])} of them of "
        f"a wrong class; {alone['malignant_called_benign']} malignant called benign, "
        f"{alone['benign_called_malignant']} benign called malignant"
    )
    for failure in summary["failed"]:
        console.print(f"failed: {failure['file']}: {failure['reason']}", markup=False)


def _share(part: int, total: int) -> float | None:
    return part / total if total else None


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
