"""Plots class activation maps: share of the heat inside nuclei against what chance gives."""

from __future__ import annotations

from typing import Any

from training.report import numbers, palette
from training.report.canvas import Panel
from training.report.plots import marks
from training.report.reading import Figures, at
from training.report.wording import BACKBONE_NAMES, PROTOCOLS, VOTERS, named


def cams(figures: Figures, protocol: str) -> Panel | None:
    """Plot the area of the nuclei, the heat inside them, and how often the peak is one."""
    by_backbone = {
        each: values
        for each in BACKBONE_NAMES
        if (values := at(figures, "cams", protocol, each)) and numbers.known(at(values, "heat"))
    }
    if not by_backbone:
        return None
    top = max(
        value
        for each in by_backbone.values()
        for value in (each["heat"], each.get("area"), each.get("pointing"))
        if numbers.known(value)
    )

    def draw(ax: Any) -> None:
        for row, (voter, each) in enumerate(by_backbone.items()):
            colour = palette.style(voter).colour
            heat, area, pointing = each["heat"], each.get("area"), each.get("pointing")
            if numbers.known(area):
                ax.plot([area, heat], [row, row], color=colour, linewidth=2, zorder=2)
                ax.plot(area, row, marker="|", markersize=14, color=palette.MUTED, zorder=3)
            ax.plot(heat, row, **marks.dot(voter, 9))
            if numbers.known(pointing):
                ax.plot(
                    pointing,
                    row,
                    marker="o",
                    markersize=7,
                    markerfacecolor="none",
                    markeredgecolor=colour,
                    linestyle="none",
                )
            marks.beside(ax, row, f"{numbers.number(each.get('ratio'))} x chance")
        key = {"linestyle": "none", "color": palette.MUTED}
        ax.plot([], [], marker="|", markersize=12, label="area of nuclei (chance)", **key)
        ax.plot([], [], marker="o", markersize=7, label="heat inside nuclei", **key)
        ax.plot(
            [],
            [],
            marker="o",
            markersize=7,
            markerfacecolor="none",
            label="peak on a nucleus",
            **key,
        )
        marks.rows(ax, [named(VOTERS, voter) for voter in by_backbone])
        ax.set(xlim=(0, min(1.02, 1.15 * top)))
        ax.set_xlabel("Share")
        marks.in_percent(ax.xaxis)
        marks.key_below(ax, 3, columnspacing=1)
        most = max(each.get("images") or 0 for each in by_backbone.values())
        ax.set_title(f"{named(PROTOCOLS, protocol)} (n = {numbers.count(most)})")

    listed = "; ".join(
        f"{named(VOTERS, name)}: nuclei take {numbers.percent(each.get('area'))} of the area and "
        f"{numbers.percent(each['heat'])} of the heat, the peak is a nucleus in "
        f"{numbers.percent(each.get('pointing'))}"
        for name, each in by_backbone.items()
    )
    return Panel(
        draw, f"{named(PROTOCOLS, protocol)}: where the maps are hot", f"{listed}.", 4.6, 2.3
    )
