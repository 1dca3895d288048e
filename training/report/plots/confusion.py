"""Plots confusion matrices: counts, and as shade the share of the true class."""

from __future__ import annotations

from typing import Any

from training.report import numbers, palette
from training.report.canvas import Panel
from training.report.reading import Figures, at
from training.report.wording import CLASSES, PROTOCOLS, VOTERS, named

DARK = 0.75
"""Share from which a cell is dark enough for light type."""


def confusion(figures: Figures, protocol: str, voter: str) -> Panel | None:
    """Plot true classes down and answers across; the thick line parts benign from malignant."""
    counts = at(figures, "ways", protocol, "voters", voter, "confusion")
    if not counts:
        return None
    names = [named(CLASSES, name) for name in at(figures, "classes") or CLASSES]
    totals = [sum(row) for row in counts]
    title = f"{named(PROTOCOLS, protocol)}: {named(VOTERS, voter)}"

    def draw(ax: Any) -> None:
        from matplotlib.patches import Rectangle

        for row, total in enumerate(totals):
            for column, count in enumerate(counts[row]):
                part = count / total if total else 0.0
                colour = palette.FILL if row == column else palette.BAD
                box = Rectangle((column, row), 1, 1, facecolor=colour, alpha=part, linewidth=0)
                ax.add_patch(box)
                ink = palette.PAPER if part > DARK else palette.INK if count else palette.CHANCE
                ax.annotate(
                    numbers.count(count),
                    (column + 0.5, row + (0.42 if count else 0.5)),
                    ha="center",
                    va="center",
                    color=ink,
                    fontsize=10,
                )
                if count:
                    ax.annotate(
                        numbers.percent(part),
                        (column + 0.5, row + 0.72),
                        ha="center",
                        va="center",
                        color=ink,
                        fontsize=7,
                    )
        size = len(counts)
        for place in range(size + 1):
            rule = {"color": palette.FAINT, "linewidth": 0.8, "zorder": 2}
            ax.plot([0, size], [place, place], **rule)
            ax.plot([place, place], [0, size], **rule)
        for ends in (([1, 1], [0, size]), ([0, size], [1, 1])):
            ax.plot(*ends, color=palette.MUTED, linewidth=1.8, zorder=3)
        centres = [place + 0.5 for place in range(size)]
        ax.set_xticks(centres, names)
        shown = [
            f"{name}\nn = {numbers.count(n)}" if n else f"{name}\nnone here"
            for name, n in zip(names, totals, strict=True)
        ]
        ax.set_yticks(centres, shown)
        ax.tick_params(length=0)
        ax.set(xlim=(0, size), ylim=(size, 0), xlabel="Answer", ylabel="True class")
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.set_title(title)

    about = "; ".join(
        f"true {name}, {numbers.count(total)} images: "
        + ", ".join(f"{numbers.count(n)} as {answer}" for answer, n in zip(names, row, strict=True))
        for name, total, row in zip(names, totals, counts, strict=True)
    )
    return Panel(draw, f"Confusion matrix, {title}", f"{about}.", 4.2, 3.4)
