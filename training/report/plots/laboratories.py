"""Plots how well cells are told apart, the less the heads saw of where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from training.report import palette
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import at, measured
from training.report.wording import LEFT_OUT, SETS, named

SHOWN: Final = {"size": "mobilenet", "size and shape, texture": "majority"}
"""Two ideas, and whose mark and colour each has."""
CHANCE: Final = 0.5
APART: Final = 0.16


def protocols_of(ideas: Mapping[str, Any], source: str) -> Panel | None:
    """Plot the AUROC of two ideas on one source, under every protocol that tests it."""
    found = {
        idea: {
            protocol: measured(at(score, "value"), at(score, "interval"))
            for protocol in LEFT_OUT
            if (score := at(ideas, idea, protocol, source, "auroc")) is not None
        }
        for idea in SHOWN
        if idea in ideas
    }
    names = [each for each in LEFT_OUT if any(each in of_idea for of_idea in found.values())]
    if not names:
        return None

    def draw(ax: Any) -> None:
        ax.axvline(CHANCE, color=palette.CHANCE, linewidth=1, linestyle=marks.DASHED, zorder=1)
        for place, (idea, of_idea) in enumerate(found.items()):
            voter, shift = SHOWN[idea], APART * (2 * place - 1)
            for protocol, each in of_idea.items():
                row = names.index(protocol) + shift
                if each.interval:
                    colour = palette.style(voter).colour
                    ax.plot(each.interval, [row, row], color=colour, linewidth=2, zorder=3)
                ax.plot(
                    each.value,
                    row,
                    clip_on=False,
                    label=idea if protocol == names[0] else None,
                    **marks.dot(voter, 7),
                )
                marks.beside(ax, row, each.as_decimal())
        marks.rows(ax, [LEFT_OUT[each] for each in names])
        ax.set(xlim=(0.45, 1.0), ylim=(len(names) - 0.4, -0.6))
        ax.set_xlabel("AUROC")
        ax.set_title(named(SETS, source))
        marks.key_below(ax)

    listed = "; ".join(
        f"{idea}, {LEFT_OUT[protocol].lower()} left out: {each.as_decimal()}"
        for idea, of_idea in found.items()
        for protocol, each in of_idea.items()
    )
    title = f"{named(SETS, source)}: AUROC by what was left out"
    return Panel(draw, title, f"AUROC with 95% intervals. {listed}.", 4.6, 1.5 + 0.42 * len(names))
