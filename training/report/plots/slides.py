"""Plots slides left out one by one: share of right answers of the vote and its backbones."""

from __future__ import annotations

from typing import Any, Final

from training.report import numbers
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import Figures, at
from training.report.wording import CLASSES, DRAWN, VOTERS, named

QUESTIONS: Final = {
    "label": ("binary_accuracy", "right label"),
    "class": ("accuracy", "right class"),
}


def slides(figures: Figures, protocol: str, question: str) -> Panel | None:
    """Plot one row for each slide.

    A slide has one class, so its label is right as often as it is found.
    """
    name, question_text = QUESTIONS[question]
    voters = at(figures, "ways", protocol, "voters") or {}
    shown = [voter for voter in DRAWN if at(voters, voter, "slides")]
    rows = sorted({slide for voter in shown for slide in voters[voter]["slides"] if slide})
    if not rows:
        return None
    main = shown[0]
    right = {
        slide: {voter: at(voters, voter, "slides", slide, name) for voter in shown}
        for slide in rows
    }

    def draw(ax: Any) -> None:
        for row, values in enumerate(right.values()):
            for voter in shown:
                if numbers.known(values[voter]):
                    ax.plot(values[voter], row, **marks.dot(voter, 9 if voter == main else 6))
            marks.beside(ax, row, numbers.percent(values[main]))
        for voter in shown:
            ax.plot([], [], label=named(VOTERS, voter), **marks.dot(voter))
        labels = []
        for slide in rows:
            about = at(voters, main, "slides", slide) or {}
            kind = named(CLASSES, str(about.get("class", "")))
            labels.append(f"{slide}\n{kind}, n = {numbers.count(about.get('images'))}")
        marks.rows(ax, labels)
        ax.grid(axis="y", visible=True)
        ax.set_xlim(-0.03, 1.03)
        ax.set_xlabel(f"Share of fields with the {question_text}")
        marks.in_percent(ax.xaxis)
        marks.key_below(ax)
        ax.set_title(question_text.capitalize())

    listed = "; ".join(
        f"{slide} {numbers.percent(values[main])}" for slide, values in right.items()
    )
    about = f"{named(VOTERS, main)}, share of fields with the {question_text}: {listed}."
    return Panel(draw, f"Slide by slide: {question_text}", about, 5.0, 1.3 + 0.37 * len(rows))
