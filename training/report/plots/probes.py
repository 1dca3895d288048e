"""Plots shortcut probes: share of labels that change with a change that cells do not care about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from training.report import numbers, palette
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import Figures, at, measured
from training.report.wording import DRAWN, VOTE, VOTERS, named

TITLE: Final = "Should change no answer"


def probes(figures: Figures) -> Panel | None:
    """Plot the labels changed by the worst variant of every family that should change none.

    The worst is each voter's own; the interval is that of the vote.
    """
    families = {
        family: [
            each
            for each in (at(figures, "probes", "variants") or {}).values()
            if each.get("family") == family
        ]
        for family, about in (at(figures, "probes", "families") or {}).items()
        if at(about, "expect") == "same"
    }
    rows = {
        str(at(figures, "probes", "families", family, "title")): {
            voter: share for voter in DRAWN if (share := _worst(variants, voter))
        }
        for family, variants in families.items()
    }
    voters = [each for each in DRAWN if any(each in row for row in rows.values())]
    if not voters:
        return None
    main = voters[0]
    images = numbers.count(at(figures, "probes", "images"))
    cells = [each for row in rows.values() for each in row.values()]
    ends = [each.value for each in cells] + [each.interval[1] for each in cells if each.interval]
    top = max(0.05, *ends)

    def draw(ax: Any) -> None:
        for place, row in enumerate(rows.values()):
            for voter, each in row.items():
                if each.interval and voter == main:
                    colour = palette.style(voter).colour
                    ax.plot(each.interval, [place] * 2, color=colour, linewidth=1.6, zorder=3)
                size = 8 if voter == main else 6
                ax.plot(each.value, place, **marks.dot(voter, size))
            marks.beside(ax, place, row[main].as_share() if main in row else numbers.MISSING)
        for voter in voters:
            ax.plot([], [], label=named(VOTERS, voter), **marks.dot(voter))
        marks.rows(ax, list(rows))
        ax.set_xlim(-0.02 * top, 1.03 * top)
        ax.set_xlabel("Labels changed by the worst variant")
        marks.in_percent(ax.xaxis)
        marks.key_below(ax)
        ax.set_title(f"{TITLE} (n = {images})")

    listed = "; ".join(
        f"{title} {row[main].as_share() if main in row else numbers.MISSING}"
        for title, row in rows.items()
    )
    about = f"Labels of {named(VOTERS, main)} changed by the worst variant: {listed}."
    return Panel(draw, TITLE, about, 5.4, 1.35 + 0.3 * len(rows))


def _worst(variants: list[Mapping[str, Any]], voter: str) -> Any:
    """Return the largest share of labels changed among the variants, or None."""
    shares = [
        measured(
            at(each, "voters", voter, "label_changed"),
            each.get("label_changed_interval") if voter == VOTE else None,
        )
        for each in variants
    ]
    known = [each for each in shares if each.known]
    return max(known, key=lambda each: each.number) if known else None
