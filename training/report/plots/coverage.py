"""Plots risk against coverage: how wrong the answers are that go without review."""

from __future__ import annotations

from typing import Any, Final

from training.report import numbers, palette
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import Figures, at, reviewed
from training.report.wording import PROTOCOLS, VOTE, named

RANKS: Final = {
    "confidence": ("by confidence", palette.FILL, "-"),
    "ood": ("by OOD score", palette.BAD, (0, (1, 1.2))),
    "policy": ("policy first", palette.GOOD, (0, (5, 1.5))),
}
QUESTIONS: Final = {"label": "wrong label", "class": "wrong class"}
GOAL: Final = 0.05
MIN_COVERAGE: Final = 0.05
"""Coverage from which on the axis has room for the whole curve."""


def coverage(figures: Figures, protocol: str, question: str) -> Panel | None:
    """Plot the share of wrong answers among the most trusted, for each way to rank trust."""
    risk, question_text = f"{question}_risk", QUESTIONS[question]
    curves = {
        rank: curve
        for rank in RANKS
        if at(curve := at(figures, "ways", protocol, "coverage", rank), "coverage")
    }
    if not curves:
        return None
    review = at(figures, "ways", protocol, "review")
    covered, wrong = reviewed(review, "coverage"), reviewed(review, f"wrong_{question}_share")
    images = numbers.count(at(figures, "ways", protocol, "images"))
    # The first few images say nothing about the curve, and would set its scale.
    seen = [
        wrongs
        for curve in curves.values()
        for share, wrongs in zip(curve["coverage"], curve[risk], strict=True)
        if share >= MIN_COVERAGE and numbers.known(wrongs)
    ]
    top = max(0.1, *seen, *(wrong.interval or ()))

    def draw(ax: Any) -> None:
        ax.axhline(GOAL, color=palette.CHANCE, linewidth=1, linestyle=marks.DASHED)
        marks.note(ax, (0.995, GOAL + 0.01 * top), f"{GOAL:.0%}", ha="right")
        for rank, curve in curves.items():
            name, colour, dash = RANKS[rank]
            label = f"{name}, area {numbers.decimal(curve.get(f'{question}_aurc'))}"
            ax.plot(curve["coverage"], curve[risk], color=colour, linestyle=dash, label=label)
        if covered.known and wrong.known:
            if wrong.interval:
                ax.plot([covered.value] * 2, wrong.interval, color=palette.INK, linewidth=1.5)
            ax.plot(covered.value, wrong.value, label="under the policy", **marks.dot(VOTE, 9))
        ax.set(xlim=(0, 1.02), ylim=(-0.03 * top, 1.05 * top))
        ax.set(
            xlabel="Coverage: share answered without review", ylabel=f"Share with a {question_text}"
        )
        marks.in_percent(ax.xaxis)
        marks.in_percent(ax.yaxis)
        marks.key_below(ax, handlelength=2.6)
        ax.set_title(f"{named(PROTOCOLS, protocol)}: {question_text} (n = {images})")

    ends = "; ".join(
        f"ranked {RANKS[rank][0]} {numbers.percent(_reached(curve, risk))} at half of the images, "
        f"{numbers.percent(curve[risk][-1])} at all"
        for rank, curve in curves.items()
    )
    served = f"under the policy {wrong.as_share()} at a coverage of {covered.as_share()}"
    about = f"Share with a {question_text} among the answers given: {served}; {ends}."
    return Panel(
        draw, f"{named(PROTOCOLS, protocol)}: risk and coverage, {question_text}", about, 4.2, 3.5
    )


def _reached(curve: dict[str, Any], risk: str, coverage: float = 0.5) -> float | None:
    """Return the risk at the last point that does not exceed the coverage."""
    pairs = zip(curve["coverage"], curve[risk], strict=True)
    reached = [wrong for reached_coverage, wrong in pairs if reached_coverage <= coverage]
    return reached[-1] if reached else None
