"""Draws the pictures of the README and of docs/knows.md."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from training.report import canvas, numbers, palette
from training.report.canvas import Panel
from training.report.goals import bound
from training.report.plots.cams import cams
from training.report.plots.confusion import confusion
from training.report.plots.coverage import coverage
from training.report.plots.forest import forest
from training.report.plots.laboratories import protocols_of
from training.report.plots.reliability import reliability
from training.report.plots.slides import slides
from training.report.reading import Figures, at
from training.report.sections.protocols import plotted
from training.report.wording import PROTOCOLS, SETS, VOTE, named

Slot = tuple[str, Callable[[Figures], Panel | None]]
"""The title that stands there when nothing was measured, and what draws it."""


def _protocols() -> list[list[Slot]]:
    return [
        [(title, partial(_forest, protocol=protocol, name=name)) for name in plotted(protocol)]
        for protocol, title in PROTOCOLS.items()
    ]


def _forest(figures: Figures, protocol: str, name: str) -> Panel | None:
    return forest(figures, protocol, name, bound(protocol, name))


def _both(title: str, draws: Callable[..., Panel | None], **options: str) -> list[Slot]:
    """Draw the same plot for slides never seen and for known ones, side by side."""
    return [
        (f"{PROTOCOLS[protocol]}: {title}", partial(draws, protocol=protocol, **options))
        for protocol in ("slides", "known")
    ]


def _laboratory(figures: Figures, source: str) -> Panel | None:
    return protocols_of(at(figures, "laboratories", "evaluated", "pictures") or {}, source)


PICTURES: Final[dict[str, tuple[str, list[list[Slot]]]]] = {
    "protocols.png": ("Three protocols for the same backbones", _protocols()),
    "review.png": (
        "What stated confidence is worth, and what review leaves",
        [
            _both("reliability", reliability),
            _both("risk and coverage", coverage, question="label"),
        ],
    ),
    "cells.png": (
        "Answers on slides never seen, and where the maps are hot",
        [
            [
                ("Slide by slide", partial(slides, protocol="slides", question="label")),
                ("Confusion of the vote", partial(confusion, protocol="slides", voter=VOTE)),
            ],
            _both("maps", cams),
        ],
    ),
    "laboratories.png": (
        "Cells of two laboratories, by what the heads did not see",
        [
            [
                (named(SETS, source), partial(_laboratory, source=source))
                for source in ("all-smears", "cnmc2019")
            ]
        ],
    ),
}


def draw(figures: Figures, out: Path) -> list[Path]:
    """Write every picture into ``out``; return their paths."""
    for name, (heading, rows) in PICTURES.items():
        panels = [[draws(figures) or _empty(title) for title, draws in row] for row in rows]
        canvas.png(out / name, panels, heading)
    return [out / name for name in PICTURES]


def _empty(title: str) -> Panel:
    """Return a panel that says that its part was not measured."""

    def draw(ax: Any) -> None:
        ax.set_axis_off()
        ax.set_title(title)
        middle = {"ha": "center", "va": "center", "color": palette.MUTED}
        ax.annotate(numbers.MISSING, (0.5, 0.5), xycoords="axes fraction", **middle)

    return Panel(draw, title, numbers.MISSING, height=2.0)
