"""Defines what a section of the report is made of; the template knows how each block looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from training.report.canvas import Panel
from training.report.numbers import MISSING


@dataclass(frozen=True)
class Text:
    """A paragraph; its kind is "" (plain), "lead", "note" (small) or "missing"."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of short texts."""

    items: Sequence[str]


@dataclass(frozen=True)
class Tile:
    """A figure in large type."""

    figure: str
    label: str
    remark: str = ""


@dataclass(frozen=True)
class Tiles:
    """Figures in large type, side by side."""

    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Cell:
    """A table's cell, marked "good", "bad" or "open", or "" for a plain one."""

    text: str
    tone: str = ""
    remark: str = ""
    """In small type under the text."""


@dataclass(frozen=True)
class Table:
    """Rows of texts and cells; the first ``names`` columns are words, the others figures."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    names: int = 1
    stack: bool = False
    """Whether rows become cards on a narrow screen."""
    chips: bool = False
    """Whether the last column holds verdicts, which stand like words."""


@dataclass(frozen=True)
class Plots:
    """Plots side by side under one caption."""

    panels: Sequence[Panel | None]
    caption: str = ""

    @property
    def drawn(self) -> list[Panel]:
        """The plots that could be drawn."""
        return [panel for panel in self.panels if panel is not None]


Block = Text | Bullets | Tiles | Table | Plots


@dataclass
class Section:
    """A section of the page: its heading and its blocks."""

    anchor: str
    title: str
    blocks: list[Block] = field(default_factory=list)


def missing(what: str) -> Text:
    """Return a text that says that a part was not measured: none is left out in silence."""
    return Text(f"{what}: {MISSING}.", "missing")
