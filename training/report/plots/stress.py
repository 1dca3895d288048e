"""Plots stress curves: what a growing change of stain or focus does to the answers."""

from __future__ import annotations

from typing import Any

from training.report import numbers, palette
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import Figures, at
from training.report.wording import DRAWN, VOTERS, named


def stress(figures: Figures, axis: str) -> Panel | None:
    """Plot benign/malignant accuracy of each voter, and how often review is asked for."""
    figures_of_axis = at(figures, "stress", "axes", axis)
    points = [
        each for each in at(figures_of_axis, "points") or () if numbers.known(each.get("strength"))
    ]
    lines = {
        voter: _known(points, "voters", voter, "binary_accuracy")
        for voter in DRAWN
        if _known(points, "voters", voter, "binary_accuracy")
    }
    if not lines:
        return None
    review = _known(points, "review")
    title, unit = str(at(figures_of_axis, "title") or axis), at(figures_of_axis, "unit")
    neutral = at(figures_of_axis, "neutral")
    images = numbers.count(at(figures, "stress", "images"))

    def draw(ax: Any) -> None:
        if review:
            ax.fill_between(*zip(*review, strict=True), color=palette.FAINT, linewidth=0, zorder=0)
        if numbers.known(neutral):
            ax.axvline(neutral, color=palette.CHANCE, linewidth=1, linestyle=marks.DASHED)
            marks.note(ax, (neutral, 0.03), " unchanged")
        for voter, line in lines.items():
            ax.plot(*zip(*line, strict=True), **marks.line(voter))
        names = {named(VOTERS, voter) for voter in lines}
        ends = {named(VOTERS, voter): line[-1] for voter, line in lines.items()}
        if review:
            ends["asks for review"] = review[-1]
        places = marks.apart([end[1] for end in ends.values()], 0.075, 0.02, 1.0)
        for (name, end), place in zip(ends.items(), places, strict=True):
            ax.annotate(
                name,
                end,
                xytext=(1.03, place),
                textcoords="axes fraction",
                va="center",
                fontsize=8,
                color=palette.INK if name in names else palette.MUTED,
                annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": palette.CHANCE, "linewidth": 0.6},
            )
        ax.set(ylim=(0, 1.0), xlabel=f"{title} ({unit})" if unit else title)
        ax.set_ylabel("Benign/malignant accuracy")
        marks.in_percent(ax.yaxis)
        ax.set_title(f"{title} (n = {images})")

    listed = "; ".join(
        f"{named(VOTERS, voter)} {numbers.percent(line[0][1])} at {numbers.number(line[0][0])}, "
        f"{numbers.percent(line[-1][1])} at {numbers.number(line[-1][0])}"
        for voter, line in lines.items()
    )
    return Panel(draw, f"Stress: {title}", f"Benign/malignant accuracy: {listed}.", 4.6, 3.0)


def _known(points: list[dict[str, Any]], *keys: str) -> list[tuple[float, float]]:
    """Return strength and the value under ``keys`` of the points that have one."""
    pairs = ((each["strength"], at(each, *keys)) for each in points)
    return [(strength, value) for strength, value in pairs if numbers.known(value)]
