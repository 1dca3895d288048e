"""Shows what size, shape and texture of cells say of laboratories that were never seen.

The figures are those of ``python -m training laboratories``. Nothing of it is served.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from training.report import numbers
from training.report.blocks import Block, Cell, Plots, Section, Table, Text, missing
from training.report.plots.laboratories import protocols_of
from training.report.reading import OWN_IMAGES, Figures, Measured, at, measured
from training.report.sections import literature
from training.report.wording import LEFT_OUT, PLACES, SETS, named, ordered

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
    """Return what has both labels under a protocol: fields and cells of sources.

    Not single cells of all evaluate-only sources: most of these show one label alone.
    """
    found = at(next(iter(ideas.values())), protocol) or {}
    both = [name for name in found if at(found, name, "auroc", "value") is not None]
    return ordered(SETS, {*both} - {"outside, cells"})


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
        [title, idea, *(_cell(ideas, idea, protocol, source) for source in sources)]
        for protocol, title in LEFT_OUT.items()
        for idea in IDEAS
        if idea in ideas and columns(ideas, protocol)
    ]
    head = ("Left out", "What is read", *(named(SETS, source) for source in sources))
    yield Table("Every protocol, cells and fields: AUROC and calibration error", head, rows, 2)


def _cell(ideas: Mapping[str, Any], idea: str, protocol: str, source: str) -> Cell:
    error = at(ideas, idea, protocol, source, "ece", "value")
    remark = f"ECE {numbers.decimal(error)}" if numbers.known(error) else ""
    return Cell(area(ideas, idea, protocol, source).as_decimal(), remark=remark)


def _ideas(ideas: Mapping[str, Any]) -> Table:
    sources = columns(ideas, "laboratories")
    head = ("Idea", *(named(SETS, source) for source in sources))
    caption = "Every idea, each laboratory left out: AUROC, and the gain over the nuclear area"
    return Table(caption, head, _gained(ideas, sources))


def _gained(ideas: Mapping[str, Any], sources: Sequence[str]) -> list[list[str | Cell]]:
    """Return a row for each idea: its AUROC on every source, with its gain in small type."""
    rows: list[list[str | Cell]] = []
    for idea, found in ideas.items():
        areas = {each: area(ideas, idea, "laboratories", each).as_decimal() for each in sources}
        rows.append([idea, *(Cell(areas[each], remark=_gain(found, each)) for each in sources)])
    return rows


def _gain(found: Any, source: str) -> str:
    gain = at(found, "gains", source)
    value = at(gain, "value")
    if not numbers.known(value):
        return numbers.MISSING
    text = f"gain {value:+.3f}"
    low, high = at(gain, "interval") or (None, None)
    return f"{text} ({low:+.2f} to {high:+.2f})" if numbers.known(low) else text


def _together(figures: Figures) -> Iterator[Block]:
    ideas = at(figures, "laboratories", "evaluated", "together")
    if not ideas:
        return
    sources = columns(ideas, "laboratories")
    head = ["Idea"]
    for source in sources:
        units = numbers.count(at(ideas, "size", "laboratories", source, "pictures"))
        head.append(f"{named(PLACES, source)}, {units} units")
    yield Text(
        "Several cells read together: a field with five cells or more, or ten single cells of one "
        "patient or source, by the mean and the spread (variety) over these cells."
    )
    yield Table("Several cells together, each laboratory left out", head, _gained(ideas, sources))


def _review(ideas: Mapping[str, Any]) -> Table:
    sources = list(at(next(iter(ideas.values())), "doubt", LEVEL) or {})
    rows: list[list[str | Cell]] = []
    for idea in IDEAS:
        if idea in ideas:
            found = [at(ideas, idea, "doubt", LEVEL, source) for source in sources]
            rows.append([idea, *(_without_review(each) for each in found)])
    head = ("What is read", *(named(PLACES, source) for source in sources))
    caption = "Without review, by limits that leave 5% wrong answers in the other laboratories"
    return Table(caption, head, rows)


def _without_review(found: Any) -> Cell:
    given, wrong = at(found, "without_review"), at(found, "wrong")
    remark = f"{numbers.count(wrong)} of them wrong" if given else ""
    return Cell(f"{numbers.count(given)} of {numbers.count(at(found, 'pictures'))}", remark=remark)
