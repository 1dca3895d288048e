"""Plots stated confidence against what came true, and how many answers are behind each point."""

from __future__ import annotations

from typing import Any, Final

from training.report import numbers, palette
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import Figures, at, score
from training.report.wording import BACKBONE_NAMES, PROTOCOLS, VOTE, VOTERS, named

MIN_IMAGES: Final = 10
"""Images under which a bin's point is drawn faint and no line goes through it."""


def reliability(figures: Figures, protocol: str) -> Panel | None:
    """Plot the vote's diagram, with its backbones behind; bars tell how the answers spread."""
    drawn = {
        voter: bins
        for voter in (*BACKBONE_NAMES, VOTE)
        if (bins := _filled(at(figures, "ways", protocol, "voters", voter, "reliability")))
    }
    if not drawn:
        return None
    main = VOTE if VOTE in drawn else next(iter(drawn))
    error = {voter: score(figures, protocol, voter, "ece") for voter in drawn}
    images = sum(each["images"] for each in drawn[main])
    # Below a half stands a vote that the mean probability contradicts.
    low = min(0.5, *(each["confidence"] for bins in drawn.values() for each in bins))

    def draw(ax: Any) -> None:
        ax.plot([0, 1], [0, 1], color=palette.CHANCE, linewidth=1, linestyle=marks.DASHED)
        for each in drawn[main]:
            width, tall = each["high"] - each["low"], 0.3 * each["images"] / images
            ax.bar(each["low"], tall, width, align="edge", color=palette.FAINT, zorder=1)
        for voter, bins in drawn.items():
            many = [each for each in bins if each["images"] >= MIN_IMAGES]
            across = [each["confidence"] for each in many]
            ax.plot(across, [each["right"] for each in many], **marks.line(voter))
            label = f"{named(VOTERS, voter)}, ECE {numbers.decimal(error[voter].value)}"
            mark = {"marker": palette.style(voter).mark, "markersize": 5}
            ax.plot([], [], label=label, **marks.line(voter), **mark)
            for each in bins:
                size = 3 + 9 * (each["images"] / images) ** 0.5
                faint = 1.0 if each["images"] >= MIN_IMAGES else 0.35
                ax.plot(each["confidence"], each["right"], alpha=faint, **marks.dot(voter, size))
        marks.note(ax, (low + 0.02, 0.93), "more often right than stated", va="top")
        marks.note(ax, (0.99, 0.36), "less often right than stated", ha="right", va="top")
        ax.set(xlim=(low - 0.02, 1.02), ylim=(-0.02, 1.04))
        ax.set(xlabel="Stated confidence", ylabel="Share that was right")
        marks.in_percent(ax.xaxis)
        marks.in_percent(ax.yaxis)
        marks.key_below(ax)
        ax.set_title(f"{named(PROTOCOLS, protocol)} (n = {numbers.count(images)})")

    points = "; ".join(
        f"{numbers.percent(each['confidence'])} stated, {numbers.percent(each['right'])} right, "
        f"{numbers.count(each['images'])} images"
        for each in drawn[main]
    )
    listed = "; ".join(f"{named(VOTERS, name)} {each.as_decimal()}" for name, each in error.items())
    about = f"Expected calibration error: {listed}. Points of {named(VOTERS, main)}: {points}."
    return Panel(draw, f"{named(PROTOCOLS, protocol)}: reliability", about, 4.2, 3.9)


def _filled(bins: Any) -> list[dict[str, Any]]:
    return [each for each in bins or () if each.get("images") and each.get("right") is not None]
