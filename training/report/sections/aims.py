"""Shows the goals as a table, with what was measured and whether it is enough."""

from __future__ import annotations

from training.report import goals
from training.report.blocks import Cell, Section, Table, Text
from training.report.reading import Figures
from training.report.verdicts import MET, NOT_MET, UNKNOWN

TONES = {MET: "good", NOT_MET: "bad", UNKNOWN: "open"}


def section(figures: Figures) -> Section:
    """Return the section on the goals."""
    rows: list[list[str | Cell]] = [
        [
            each.goal.where,
            each.goal.figure,
            Cell(each.goal.before or "-", remark=each.goal.before_by),
            each.goal.goal,
            Cell(each.goal.form(each.found), remark=each.beside),
            Cell(each.verdict, TONES[each.verdict], each.remark),
        ]
        for each in goals.outcomes(figures)
    ]
    head = ("Measured on", "Figure", "Before", "Goal", "Measured (95% interval)", "Verdict")
    return Section(
        "goals",
        "Goals",
        [
            Text(
                "The verdict goes by the measured value. Where the interval reaches across the "
                "goal, another draw of fields like these could turn it."
            ),
            Table("Goals of the project", head, rows, names=4, chips=True, stack=True),
            Text(
                "Before: the paper's 96.5% is the accuracy it reports on a random split; colour "
                "features are hand-made colour statistics with boosted trees on the same data, "
                "on known slides by groups of overlapping fields, and on slides left out. The "
                "goal of 5% wrong answers does not say of what; label and class are both shown.",
                "note",
            ),
        ],
    )
