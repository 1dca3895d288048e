"""Defines colours, marks and type of every plot; one voter looks the same everywhere.

The hues are those of Okabe and Ito ("Color Universal Design", 2008), which readers with any of
the usual colour-vision deficiencies can tell apart, darkened or lightened until they stand out
against paper and against a dark screen. Marks and dashes differ as well, so that nothing is said
by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class VoterStyle:
    """The style of one voter in every plot: its colours, mark and dash."""

    colour: str
    dark: str
    """The colours on a dark screen."""
    mark: str
    dash: Any = "-"


STYLES: Final = {
    "majority": VoterStyle("#16202c", "#f2f5f8", "o"),
    "mobilenet": VoterStyle("#c77c00", "#f0aa33", "s"),
    "xception": VoterStyle("#00805d", "#2fc79a", "^"),
    "inception_v3": VoterStyle("#2b8cc4", "#6fc3f2", "D"),
    "mean": VoterStyle("#0a5ea8", "#5f9fe6", "v", (0, (5, 1.5))),
    "weighted": VoterStyle("#a8518a", "#e39ac8", "p", (0, (3, 1.5, 1, 1.5))),
    "fuzzy_rank": VoterStyle("#c24d00", "#ff8a4c", "*", (0, (1, 1.2))),
}
OTHER: Final = VoterStyle("#6d5a9c", "#b4a2e6", "h", (0, (4, 2)))

INK, MUTED, FAINT, PAPER = "#16202d", "#5b6876", "#dde3e9", "#ffffff"
GOOD, BAD, CHANCE, FILL = "#00785a", "#b23a12", "#8a95a1", "#2468a8"
NEUTRALS: Final = {
    INK: ("ink", "#e8edf2"),
    MUTED: ("muted", "#a3b0bd"),
    FAINT: ("faint", "#303b47"),
    PAPER: ("paper", "#141a21"),
    GOOD: ("good", "#3ccf9f"),
    BAD: ("bad", "#ff8a5c"),
    CHANCE: ("chance", "#7d8995"),
    FILL: ("fill", "#5aa2e8"),
}


def style(voter: str) -> VoterStyle:
    """Return the style of a voter; voters without a style of their own share one."""
    return STYLES.get(voter, OTHER)


def variables() -> dict[str, tuple[str, str, str]]:
    """Return CSS name, light and dark value of every colour, by the hex code in the plots."""
    voters = {
        each.colour: (f"voter-{name.replace('_', '-')}", each.colour, each.dark)
        for name, each in {**STYLES, "other": OTHER}.items()
    }
    return voters | {code: (name, code, dark) for code, (name, dark) in NEUTRALS.items()}


RC: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same widths everywhere
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": CHANCE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.6,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a slide's name is a dollar sign
}
