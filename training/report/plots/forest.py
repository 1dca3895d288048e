"""Plots a score of every voter with its interval, one under the other, the figures beside."""

from __future__ import annotations

import math
from typing import Any, Final

from training.report import numbers, palette
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import Figures, Measured, at, score
from training.report.wording import PROTOCOLS, SCORES, VOTERS, named, ordered

CHANCE: Final = {"balanced_accuracy": 0.25, "binary_balanced_accuracy": 0.5}
"""What an answer without a look at the image reaches."""


def forest(figures: Figures, protocol: str, name: str, goal: float | None = None) -> Panel | None:
    """Plot one score of every voter in one protocol, and the goal if there is one."""
    voters = at(figures, "ways", protocol, "voters") or {}
    scores = {voter: score(figures, protocol, voter, name) for voter in ordered(VOTERS, voters)}
    known = {voter: each for voter, each in scores.items() if each.known}
    if not known:
        return None
    images = numbers.count(at(figures, "ways", protocol, "images"))
    low = _floor([*known.values(), Measured(goal)])

    def draw(ax: Any) -> None:
        _line(ax, goal, "goal", palette.GOOD, low)
        _line(ax, CHANCE.get(name), "chance", palette.CHANCE, low)
        for row, (voter, each) in enumerate(known.items()):
            if each.interval:
                colour = palette.style(voter).colour
                ax.plot(each.interval, [row, row], color=colour, linewidth=2, zorder=3)
            ax.plot(each.value, row, clip_on=False, **marks.dot(voter, 7))
            marks.beside(ax, row, each.as_share())
        marks.rows(ax, [named(VOTERS, voter) for voter in known])
        ax.set(xlim=(low, 1 + 0.01 * (1 - low)), ylim=(len(known) - 0.4, -0.9))
        ax.set_xlabel(SCORES[name])
        marks.in_percent(ax.xaxis)
        ax.set_title(f"{named(PROTOCOLS, protocol)} (n = {images})")

    listed = "; ".join(f"{named(VOTERS, voter)} {each.as_share()}" for voter, each in known.items())
    about = f"{SCORES[name]} with 95% intervals, {images} images: {listed}."
    title = f"{named(PROTOCOLS, protocol)}: {SCORES[name].lower()}"
    return Panel(draw, title, about, 4.6, 0.95 + 0.27 * len(known))


def _floor(scores: list[Measured]) -> float:
    """Return where the axis begins: a tenth below the lowest end, at most at 90%."""
    ends = [min(each.interval or (each.number,)) for each in scores if each.known]
    return max(0.0, min(0.9, math.floor(10 * min(ends) - 0.2) / 10))


def _line(ax: Any, place: float | None, name: str, colour: str, low: float) -> None:
    if place is None or place <= low:
        return
    ax.axvline(place, color=colour, linewidth=1, linestyle=marks.DASHED, zorder=1)
    text = f"{name} {100 * place:g}% "
    where = ("data", "axes fraction")
    marks.note(ax, (place, 1), text, xycoords=where, ha="right", va="top", color=colour)
