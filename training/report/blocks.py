"""What a section of the report is made of; the template knows how each block looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from training.report.canvas import Panel
from training.report.numbers import MISSING


@dataclass(frozen=True)
class Text:
    """A paragraph. kind: "" (plain), "lead", "note" (small), "missing"."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Bullets:
    items: Sequence[str]


@dataclass(frozen=True)
class Tile:
    """A figure in large type."""

    figure: str
    label: str
    remark: str = ""


@dataclass(frozen=True)
class Tiles:
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Cell:
    """A table's cell with a look: "good", "bad", "open", or "" for a plain one."""

    text: str
    look: str = ""
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
    panels: Sequence[Panel | None]
    caption: str = ""

    @property
    def drawn(self) -> list[Panel]:
        return [panel for panel in self.panels if panel is not None]


Block = Text | Bullets | Tiles | Table | Plots


@dataclass
class Section:
    anchor: str
    title: str
    blocks: list[Block] = field(default_factory=list)


def missing(what: str) -> Text:
    """Says that a part was not measured; a part is never left out in silence."""
    return Text(f"{what}: {MISSING}.", "missing")
