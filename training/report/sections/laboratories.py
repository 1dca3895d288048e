"""Shows what size, shape and texture of cells say of laboratories that were never seen.

The figures are those of ``python -m training laboratories``. Nothing of it is served.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from training.report import numbers
from training.report.blocks import Block, Plots, Section, Table, Text, missing
from training.report.plots.laboratories import protocols_of
from training.report.reading import OWN_IMAGES, Figures, Measured, at, measured
from training.report.sections import literature
from training.report.wording import LEFT_OUT, SETS, named

IDEAS: Final = ("size", "size and shape", "size and shape, texture", "MobileNet's maps")
"""Those that are shown under every protocol; the table of gains has all."""
LEVEL: Final = "0.05"


def section(figures: Figures) -> Section:
    """Return the section on laboratories left out."""
    page_section = Section("laboratories", "Laboratories left out")
    ideas = at(figures, "laboratories", "evaluated", "pictures")
    if not ideas:
        page_section.blocks.append(missing("Laboratories left out"))
        return page_section
    page_section.blocks += [
        Text(
            "Research: nothing here is served. Linear heads read single leukocytes, cut out at one "
            "scale, by size, shape, texture or the maps of a backbone's beginning. Each laboratory "
            "was read by heads that learned from the others alone. A field is judged by the mean "
            "probability of its cells. Areas under the ROC curve for benign against malignant, "
            "with 95% intervals over slides and patients."
        ),
        *_protocols(ideas),
        _ideas(ideas),
        *_together(figures),
        _review(ideas),
    ]
    if not at(figures, OWN_IMAGES):
        page_section.blocks.append(literature.table())
    return page_section


def columns(ideas: Mapping[str, Any], protocol: str) -> list[str]:
    """Return what has both labels under a protocol: fields and cells of sources."""
    return [
        name
        for name, found in (at(next(iter(ideas.values())), protocol) or {}).items()
        if at(found, "auroc", "value") is not None
    ]


def area(ideas: Mapping[str, Any], idea: str, protocol: str, source: str) -> Measured:
    """Return the AUROC of an idea on a source under a protocol."""
    found = at(ideas, idea, protocol, source, "auroc")
    return measured(at(found, "value"), at(found, "interval"))


def _protocols(ideas: Mapping[str, Any]) -> Iterator[Block]:
    sources = columns(ideas, "laboratories")
    yield Plots(
        [protocols_of(ideas, source) for source in sources if source != "outside"],
        "The easier the test, the better the figure. Dots are measured values, bars 95% intervals.",
    )
    rows = [
        [
            title,
            idea,
            *(area(ideas, idea, protocol, source).as_decimal() for source in sources),
            *(_error(ideas, idea, protocol, source) for source in sources),
        ]
        for protocol, title in LEFT_OUT.items()
        for idea in IDEAS
        if idea in ideas and columns(ideas, protocol)
    ]
    names = [named(SETS, source) for source in sources]
    head = ("Left out", "What is read", *names, *(f"ECE, {name}" for name in names))
    yield Table("Every protocol, cells and fields: AUROC and calibration error", head, rows, 2)


def _error(ideas: Mapping[str, Any], idea: str, protocol: str, source: str) -> str:
    return numbers.decimal(at(ideas, idea, protocol, source, "ece", "value"))


def _ideas(ideas: Mapping[str, Any]) -> Table:
    sources = columns(ideas, "laboratories")
    rows = [
        [
            idea,
            *(
                text
                for source in sources
                for text in (
                    area(ideas, idea, "laboratories", source).as_decimal(),
                    _gain(found, source),
                )
            ),
        ]
        for idea, found in ideas.items()
    ]
    head = ["Idea"]
    for source in sources:
        head += [named(SETS, source), "gain"]
    return Table("Every idea, each laboratory left out; gain over the nuclear area", head, rows)


def _gain(found: Any, source: str) -> str:
    gain = at(found, "gains", source)
    value = at(gain, "value")
    if not numbers.known(value):
        return numbers.MISSING
    text = f"{value:+.3f}"
    low, high = at(gain, "interval") or (None, None)
    return f"{text} ({low:+.2f} to {high:+.2f})" if numbers.known(low) else text


def _together(figures: Figures) -> Iterator[Block]:
    ideas = at(figures, "laboratories", "evaluated", "together")
    if not ideas:
        return
    sources = columns(ideas, "laboratories")
    rows = []
    for idea, found in ideas.items():
        row = [idea]
        for source in sources:
            row += [area(ideas, idea, "laboratories", source).as_decimal(), _gain(found, source)]
        rows.append(row)
    head = ["Idea"]
    for source in sources:
        units = numbers.count(at(ideas, "size", "laboratories", source, "pictures"))
        head += [f"{source}, {units} units", "gain"]
    yield Text(
        "Several cells read together: a field with five cells or more, or ten single cells of one "
        "patient or source, by the mean and the spread (variety) over these cells."
    )
    yield Table("Several cells together, each laboratory left out", head, rows)


def _review(ideas: Mapping[str, Any]) -> Table:
    rows = [
        [
            idea,
            source,
            numbers.count(found["pictures"]),
            numbers.count(found["without_review"]),
            numbers.count(found["wrong"]),
        ]
        for idea in IDEAS
        for source, found in (at(ideas, idea, "doubt", LEVEL) or {}).items()
    ]
    head = ("What is read", "Tested on", "Pictures", "Without review", "Of these wrong")
    caption = "Limits that leave 5% wrong answers in the other laboratories, on one they never saw"
    return Table(caption, head, rows, names=2)
