"""Shows the three protocols side by side."""

from __future__ import annotations

from collections.abc import Iterator

from training.report import numbers
from training.report.blocks import Block, Plots, Section, Table, Text, missing
from training.report.goals import bound
from training.report.plots.forest import forest
from training.report.reading import OWN_IMAGES, Figures, at, score
from training.report.wording import (
    CLASSES,
    OWN_MEANS,
    PROTOCOL_MEANS,
    PROTOCOLS,
    SCORES,
    SHARES,
    VOTERS,
    named,
    ordered,
)

CHOSEN = (
    "accuracy",
    "balanced_accuracy",
    "binary_accuracy",
    "binary_balanced_accuracy",
    "sensitivity",
    "specificity",
)
LABEL = {"slides": "binary_balanced_accuracy"}
"""The score of benign/malignant that is plotted; binary_accuracy elsewhere, as in the goals."""


def section(figures: Figures) -> Section:
    """Return the section on the three protocols."""
    page_section = Section("protocols", "Three protocols")
    page_section.blocks.append(
        Text(
            "Same images, same backbones, three questions. Sensitivity is the share of malignant "
            "fields called malignant, of whichever stage; specificity the share of benign fields "
            "called benign; balanced accuracy the mean over classes. Figures in brackets are 95% "
            "intervals."
        )
    )
    for protocol, title in PROTOCOLS.items():
        page_section.blocks += _protocol(figures, protocol, title)
    return page_section


def _protocol(figures: Figures, protocol: str, title: str) -> Iterator[Block]:
    yield Text(title, "heading")
    yield Text(means(figures)[protocol])
    voters = at(figures, "ways", protocol, "voters")
    if not voters:
        yield missing(title)
        return
    yield Text(_counts(figures, protocol), "note")
    yield from _gaps(figures, protocol)
    own = at(figures, OWN_IMAGES)
    panels = [
        forest(figures, protocol, name, None if own else bound(protocol, name))
        for name in plotted(protocol)
    ]
    lines = "" if own else ", dashed lines the goal"
    yield Plots(panels, f"Dots are measured values, bars 95% intervals{lines}.")
    yield table(figures, protocol, CHOSEN, f"{title}: scores")


def means(figures: Figures) -> dict[str, str]:
    """Return what each protocol asks, in words."""
    return OWN_MEANS if at(figures, OWN_IMAGES) else PROTOCOL_MEANS


def plotted(protocol: str) -> tuple[str, str]:
    """Return the two scores of a protocol that are plotted: four classes, and benign/malignant."""
    return "accuracy", LABEL.get(protocol, "binary_accuracy")


def table(figures: Figures, protocol: str, names: tuple[str, ...], caption: str) -> Table:
    """Return a table with scores down and voters across."""
    voters = ordered(VOTERS, at(figures, "ways", protocol, "voters") or {})
    rows = []
    for name in names:
        cells = (score(figures, protocol, voter, name) for voter in voters)
        show = (each.as_share() if name in SHARES else each.as_decimal() for each in cells)
        rows.append([SCORES[name], *show])
    return Table(caption, ["", *(named(VOTERS, each) for each in voters)], rows)


def _counts(figures: Figures, protocol: str) -> str:
    counts = at(figures, "ways", protocol)
    classes = at(counts, "classes") or {}
    parts = ", ".join(
        f"{named(CLASSES, name)} {numbers.count(at(classes, name, 'images'))}"
        for name in ordered(CLASSES, classes)
    )
    return (
        f"{numbers.count(at(counts, 'images'))} test images ({parts}) in "
        f"{numbers.count(at(counts, 'groups'))} groups of overlapping fields, from "
        f"{numbers.count(at(counts, 'slides'))} slides."
    )


def _gaps(figures: Figures, protocol: str) -> Iterator[Block]:
    """Return the backbones and folds that are not in the figures."""
    absent = [
        VOTERS[each] for each in VOTERS if at(figures, "ways", protocol, "voters", each) is None
    ]
    if absent:
        yield missing(", ".join(absent))
    left_out = at(figures, "ways", protocol, "missing")
    if left_out:
        yield missing("Missing here, " + "; ".join(map(str, left_out)))


def appendix(figures: Figures) -> Section:
    """Return the table of every score of every voter."""
    page_section = Section("scores", "All scores")
    for protocol, title in PROTOCOLS.items():
        if at(figures, "ways", protocol, "voters"):
            page_section.blocks.append(table(figures, protocol, tuple(SCORES), title))
            page_section.blocks.append(_classes(figures, protocol, title))
        else:
            page_section.blocks.append(missing(title))
    page_section.blocks.append(
        Text(
            "MCC is Matthews' correlation coefficient. ECE, Brier score and negative log "
            "likelihood are of calibrated probabilities; a fuzzy rank gives no probabilities, so "
            "it has none of the three.",
            "note",
        )
    )
    return page_section


def _classes(figures: Figures, protocol: str, title: str) -> Table:
    rows = []
    for voter in ordered(VOTERS, at(figures, "ways", protocol, "voters") or {}):
        classes = at(figures, "ways", protocol, "voters", voter, "classes") or {}
        for name in ordered(CLASSES, classes):
            each = classes[name]
            shares = (numbers.percent(each.get(key)) for key in ("precision", "recall", "f1"))
            row = [named(VOTERS, voter), named(CLASSES, name), numbers.count(each.get("images"))]
            rows.append([*row, *shares])
    head = ("Voter", "Class", "Images", "Precision", "Recall", "F1")
    return Table(f"{title}: by class", head, rows, names=2)
