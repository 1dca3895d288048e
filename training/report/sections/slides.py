"""Shows slides left out one by one, slide by slide."""

from __future__ import annotations

from training.report import numbers
from training.report.blocks import Plots, Section, Table, Text, missing
from training.report.plots.slides import slides
from training.report.reading import Figures, at
from training.report.wording import CLASSES, DRAWN, VOTE, VOTERS, named

MEANS = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "binary_balanced_accuracy": "balanced accuracy, benign/malignant",
    "accuracy": "accuracy, four classes",
}


def section(figures: Figures) -> Section:
    """Return the section on slides left out."""
    page_section = Section("slides", "Slide by slide, each left out of training")
    voters = at(figures, "ways", "slides", "voters") or {}
    drawn = [slides(figures, "slides", question) for question in ("label", "class")]
    if not any(drawn):
        page_section.blocks.append(missing("Leave one slide out"))
        return page_section
    page_section.blocks.append(
        Text(
            "Each row was read by backbones that never saw the slide. A slide holds one class, so "
            "the share of right labels is its sensitivity or its specificity. This spread, more "
            "than any interval, says what to expect of a new slide."
        )
    )
    page_section.blocks.append(Plots(drawn))
    shown = [voter for voter in DRAWN if voter in voters]
    names = sorted({slide for voter in shown for slide in at(voters, voter, "slides") or ()})
    rows = []
    for slide in names:
        about = at(voters, shown[0], "slides", slide) or {}
        row = [slide, named(CLASSES, str(about.get("class"))), numbers.count(about.get("images"))]
        for voter in shown:
            each = at(voters, voter, "slides", slide)
            label, exact = at(each, "binary_accuracy"), at(each, "accuracy")
            row.append(f"{numbers.percent(label)} / {numbers.percent(exact)}")
        rows.append(row)
    head = ("Slide", "Class", "Images", *(named(VOTERS, voter) for voter in shown))
    page_section.blocks.append(Table("Right label / right class", head, rows, names=2))
    means = at(voters, VOTE, "slide_mean")
    if means:
        listed = ", ".join(f"{MEANS[name]} {numbers.percent(means.get(name))}" for name in MEANS)
        page_section.blocks.append(
            Text(f"The vote with every slide counted the same, whatever its size: {listed}.")
        )
    return page_section
