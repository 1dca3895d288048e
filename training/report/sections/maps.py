"""Shows where the class activation maps have their heat."""

from __future__ import annotations

from training.report import numbers
from training.report.blocks import Plots, Section, Table, Text, missing
from training.report.plots.cams import cams
from training.report.reading import Figures, at
from training.report.wording import BACKBONE_NAMES, PROTOCOLS, VOTERS, named


def section(figures: Figures) -> Section:
    """Return the section on class activation maps."""
    page_section = Section("maps", "Where the class activation maps are hot")
    panels = [cams(figures, protocol) for protocol in PROTOCOLS]
    if not any(panels):
        page_section.blocks.append(missing("Class activation maps"))
        return page_section
    page_section.blocks += [
        Text(
            "Nuclei are found by their optical density, without any backbone. If a map were spread "
            "by chance, its share of heat inside nuclei would be the nuclei's share of the area; "
            "a backbone that reads leukocytes is well above it. The peak is the hottest place."
        ),
        Plots(panels),
        _maps(figures),
    ]
    return page_section


def _maps(figures: Figures) -> Table:
    rows = []
    for protocol, title in PROTOCOLS.items():
        for voter in BACKBONE_NAMES:
            each = at(figures, "cams", protocol, voter)
            excess = at(each, "intervals", "heat_less_area")
            gap = None
            if numbers.known(at(each, "heat")) and numbers.known(at(each, "area")):
                gap = each["heat"] - each["area"]
            ratio = at(each, "ratio")
            rows.append(
                [
                    title,
                    named(VOTERS, voter),
                    numbers.count(at(each, "images")),
                    numbers.percent(at(each, "area")),
                    numbers.percent(at(each, "heat")),
                    numbers.points(gap, excess),
                    f"{numbers.number(ratio)} x" if numbers.known(ratio) else numbers.MISSING,
                    numbers.percent(at(each, "pointing")),
                ]
            )
    head = (
        "Protocol",
        "Backbone",
        "Images",
        "Area of nuclei",
        "Heat inside",
        "Above chance (95% interval)",
        "Ratio",
        "Peak on a nucleus",
    )
    return Table("Share of the heat inside nuclei against chance", head, rows, names=2)
