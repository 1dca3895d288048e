"""Holds what the plots share: a voter's line and dot, axes in percent, labels that keep off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.report import palette
from training.report.wording import VOTE

DASHED = (0, (4, 3))
LARGE = {"p": 1.25, "*": 1.6, "^": 1.1, "v": 1.1}
"""Marks that look smaller than a disc of the same size."""


def line(voter: str) -> dict[str, Any]:
    """Return the keywords for a voter's line; the vote is the thick one on top."""
    style = palette.style(voter)
    return {
        "color": style.colour,
        "linestyle": style.dash,
        "linewidth": 2.4 if voter == VOTE else 1.4,
        "zorder": 4 if voter == VOTE else 3,
    }


def dot(voter: str, size: float = 6.0) -> dict[str, Any]:
    """Return the keywords for a voter's mark, with a rim in the colour of the paper."""
    style = palette.style(voter)
    return {
        "color": style.colour,
        "marker": style.mark,
        "markersize": size * LARGE.get(style.mark, 1),
        "markeredgecolor": palette.PAPER,
        "markeredgewidth": 0.7,
        "linestyle": "none",
        "zorder": 6 if voter == VOTE else 5,
    }


def in_percent(axis: Any) -> None:
    """Write ticks as percentages, with no more decimals than they have."""
    axis.set_major_formatter(lambda value, place: f"{round(100 * value, 6):g}%")


def unit_square(ax: Any, xlabel: str, ylabel: str) -> None:
    """Set both axes to 0 to 100%, with a little air so that marks at the rim are whole."""
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=xlabel, ylabel=ylabel)
    in_percent(ax.xaxis)
    in_percent(ax.yaxis)


def rows(ax: Any, names: Sequence[str]) -> None:
    """Name a row for each of ``names``, from the top, as in a table."""
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0, labelcolor=palette.INK)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(len(names) - 0.4, -0.6)


def beside(ax: Any, row: float, text: str) -> None:
    """Print the figure of a row at the right of the plot."""
    where = ("axes fraction", "data")
    ax.annotate(text, (1.02, row), xycoords=where, va="center", fontsize=8, annotation_clip=False)


def note(ax: Any, place: tuple[float, float], text: str, **more: Any) -> None:
    """Print small words inside a plot."""
    ax.annotate(text, place, **{"color": palette.MUTED, "fontsize": 7, **more})


def key_below(ax: Any, columns: int = 2, **more: Any) -> None:
    """Put the legend under the plot, where it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    ax.figure.legend(handles, labels, loc="outside lower center", ncols=columns, **more)


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return places for labels, in the order given, at least ``gap`` apart within [low, high].

    Where there are too many for the room, they keep an equal, smaller distance.
    """
    if not places:
        return []
    gap = min(gap, (high - low) / max(1, len(places) - 1))
    order = sorted(range(len(places)), key=lambda index: (places[index], index))
    moved = [0.0] * len(places)
    floor = low
    for index in order:
        moved[index] = max(places[index], floor)
        floor = moved[index] + gap
    ceiling = high
    for index in reversed(order):
        moved[index] = min(moved[index], ceiling)
        ceiling = moved[index] - gap
    return moved
