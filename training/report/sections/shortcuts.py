"""Shows what the answers depend on: shortcut probes and stress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.report import numbers
from training.report.blocks import Block, Cell, Plots, Section, Table, Text, missing
from training.report.plots.probes import probes
from training.report.plots.stress import stress
from training.report.reading import Figures, at, measured
from training.report.wording import BACKBONE_NAMES, PROTOCOLS, VOTE, VOTERS, named


def probing(figures: Figures) -> Section:
    """Return the section on shortcut probes."""
    page_section = Section("probes", "Shortcut probes")
    if not at(figures, "probes", "variants"):
        page_section.blocks.append(missing("Shortcut probes"))
        return page_section
    images = numbers.count(at(figures, "probes", "images"))
    protocol = named(PROTOCOLS, str(at(figures, "probes", "way"))).lower()
    page_section.blocks += [
        Text(
            "Each image is changed in a way that cells do not care about, or loses what the "
            "answer should depend on, and is read again "
            f"({images} images of the test, {protocol}). A label that changes with the scale bar "
            "or with the colour of "
            "the background was not read from cells."
        ),
        Plots(
            [probes(figures)],
            "The worst variant of every family; figures and bars (95% intervals) are the vote's.",
        ),
        _families(figures),
        *_emptied(figures),
    ]
    return page_section


def stressing(figures: Figures) -> Section:
    """Return the section on stress."""
    page_section = Section("stress", "Stress")
    axes = at(figures, "stress", "axes") or {}
    panels = [stress(figures, axis) for axis in axes]
    if not any(panels):
        page_section.blocks.append(missing("Stress curves"))
        return page_section
    page_section.blocks += [
        Text(
            "Changes that grow until answers break. The grey area is the share of images for which "
            "review is asked: where the lines fall, it should rise."
        ),
        Plots(panels),
    ]
    return page_section


def variants(figures: Figures) -> Section:
    """Return the table of every variant of every probe."""
    page_section = Section("variants", "All probes")
    families = at(figures, "probes", "families") or {}
    rows: list[list[str | Cell]] = []
    for each in (at(figures, "probes", "variants") or {}).values():
        vote = at(each, "voters", VOTE)
        label = measured(at(vote, "label_changed"), each.get("label_changed_interval"))
        family = str(each.get("family"))
        rows.append(
            [
                str(at(families, family, "title") or family),
                str(each.get("title")),
                label.as_share(),
                *(
                    numbers.percent(at(each, "voters", name, "label_changed"))
                    for name in BACKBONE_NAMES
                ),
                numbers.percent(at(vote, "class_changed")),
                _change(vote, "called_malignant"),
                _change(each, "review"),
                _change(each, "malignant_without_review"),
            ]
        )
    if not rows:
        page_section.blocks.append(missing("Shortcut probes"))
        return page_section
    head = (
        "Probe",
        "Variant",
        "Vote: labels changed",
        *(named(VOTERS, name) for name in BACKBONE_NAMES),
        "Vote: classes changed",
        "Called malignant",
        "Asked for review",
        "Malignant without review",
    )
    page_section.blocks.append(
        Table("Every variant; a to b is before and after the change", head, rows, names=2)
    )
    return page_section


def _change(variant: Any, name: str) -> str:
    before, after = at(variant, f"{name}_before"), at(variant, name)
    if not numbers.known(before) or not numbers.known(after):
        return numbers.MISSING
    return f"{numbers.percent(before)} to {numbers.percent(after)}"


def _families(figures: Figures) -> Table:
    # With a backbone missing there is no vote; the figures are then those of the last voter.
    first: Mapping[str, Any] = next(iter((at(figures, "probes", "variants") or {}).values()), {})
    voter = list(at(first, "voters") or {VOTE: None})[-1]
    expected = {"same": "the same answer", "doubt": "a request for review"}
    rows = []
    for each in (at(figures, "probes", "families") or {}).values():
        worst = at(each, "worst", "variant")
        changed = measured(
            at(each, "worst", "label_changed"),
            at(figures, "probes", "variants", str(worst), "label_changed_interval"),
        )
        title = at(figures, "probes", "variants", str(worst), "title")
        rows.append(
            [
                str(each.get("title")),
                expected.get(str(each.get("expect")), str(each.get("expect"))),
                str(title or worst),
                changed.as_share(),
                numbers.percent(each.get("label_changed")),
                numbers.percent(each.get("class_changed")),
            ]
        )
    head = (
        "Change",
        "Expected",
        "Worst variant",
        "Labels changed by it",
        "Labels changed, mean",
        "Classes changed, mean",
    )
    return Table(f"{named(VOTERS, voter)} under every family of changes", head, rows, names=3)


def _emptied(figures: Figures) -> Iterator[Block]:
    """Yield what becomes of fields from which the answer's ground was taken."""
    families = at(figures, "probes", "families") or {}
    rows = []
    for each in (at(figures, "probes", "variants") or {}).values():
        about = at(families, str(each.get("family"))) or {}
        if about.get("expect") != "doubt":
            continue
        vote = at(each, "voters", VOTE)
        rows.append(
            [
                str(about.get("title")),
                str(each.get("title")),
                _change(each, "review"),
                _change(vote, "called_malignant"),
                _change(each, "malignant_without_review"),
            ]
        )
    if not rows:
        return
    yield Text(
        "Fields without what a reading rests on should ask for review. Called malignant without "
        "review after the change is a false certainty."
    )
    head = (
        "Change",
        "Variant",
        "Asked for review",
        "Called malignant",
        "Malignant without review",
    )
    yield Table("Where review is expected; a to b is before and after", head, rows, names=2)
