"""Shows how far confidence can be trusted, when review is asked for, and what is wrong then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from training.report import numbers
from training.report.blocks import Block, Plots, Section, Table, Text, missing
from training.report.outside import together, wrong
from training.report.plots.coverage import coverage
from training.report.plots.reliability import MIN_IMAGES, reliability
from training.report.reading import Figures, at, measured, reviewed
from training.report.sections import bounds
from training.report.wording import (
    CLASSES,
    PROTOCOLS,
    REASONS,
    VOTE,
    VOTERS,
    named,
    ordered,
)


def calibration(figures: Figures) -> Section:
    """Return the section on calibration."""
    page_section = Section("calibration", "Calibration")
    page_section.blocks.append(
        Text(
            "Of the answers given with 90% confidence, 90% should be right. Points above the "
            "dashed line are right more often than stated, points below less often. The expected "
            "calibration error (ECE) is the mean distance from the line, weighted by images; the "
            "grey bars show where the answers lie. Points of fewer than "
            f"{MIN_IMAGES} images are faint."
        )
    )
    panels = {title: reliability(figures, protocol) for protocol, title in PROTOCOLS.items()}
    if any(panels.values()):
        page_section.blocks.append(Plots(list(panels.values())))
    page_section.blocks += [missing(title) for title, panel in panels.items() if panel is None]
    return page_section


def review(figures: Figures) -> Section:
    """Return the section on asking for review."""
    page_section = Section("review", "Asking for review")
    page_section.blocks.append(
        Text(
            "Every answer that is not certain asks for a pathologist's review and says why. "
            "Coverage is the share answered without asking; risk the share of wrong answers among "
            "these. The curves rank the images by one measure of trust and answer only the most "
            "trusted; the dot is what the policy does. A slide left out is judged by a policy that "
            "was fitted without it, known slides and sets from outside by the one that is served."
        )
    )
    page_section.blocks.append(_policies(figures))
    for protocol, title in PROTOCOLS.items():
        panels = [coverage(figures, protocol, question) for question in ("label", "class")]
        page_section.blocks.append(
            Plots(panels) if any(panels) else missing(f"Risk, {title.lower()}")
        )
    page_section.blocks += _reasons(figures)
    slides = _by_slide(figures)
    if slides:
        page_section.blocks.append(slides)
    return page_section


def outside(figures: Figures) -> Section:
    """Return the section on fields from other laboratories."""
    page_section = Section("outside", "Fields from other laboratories")
    sets = at(figures, "outside")
    if not sets:
        page_section.blocks.append(missing("Fields from other laboratories"))
        return page_section
    page_section.blocks.append(
        Text(
            "Other stains, cameras and sizes. No backbone, temperature or threshold was fitted to "
            "them; how many leukocytes an answer needs, and how unlike the known images the field "
            "of a malignant answer may be, were chosen with them in sight, so they are no "
            "untouched test of what goes without review. For pictures without leukemia the right "
            "answer is benign, or a call for review; malignant without review is a false alarm."
        )
    )
    for name, each in sets.items():
        left_out = at(each, "missing")
        if left_out:
            listed = "; ".join(map(str, left_out))
            page_section.blocks.append(missing(f"{name}: missing here, {listed}"))
    page_section.blocks += [_outside(figures, sets), _called(sets), *bounds.blocks(figures)]
    return page_section


def _policies(figures: Figures) -> Table:
    rows = []
    for protocol, title in PROTOCOLS.items():
        of_protocol = at(figures, "ways", protocol, "review")
        alone = at(of_protocol, "without_review") or {}
        rows.append(
            [
                title,
                numbers.count(at(of_protocol, "images")),
                reviewed(of_protocol, "coverage").as_share(),
                numbers.count(alone.get("images")),
                reviewed(of_protocol, "wrong_label_share").as_share(),
                reviewed(of_protocol, "wrong_class_share").as_share(),
                numbers.count(alone.get("malignant_called_benign")),
                numbers.count(alone.get("benign_called_malignant")),
            ]
        )
    head = (
        "Protocol",
        "Images",
        "Coverage",
        "Answered alone",
        "Of these: wrong label",
        "Of these: wrong class",
        "Malignant called benign",
        "Benign called malignant",
    )
    return Table("Answers given without review under the policy", head, rows)


def _reasons(figures: Figures) -> Iterator[Block]:
    reviews = {
        title: at(figures, "ways", protocol, "review") for protocol, title in PROTOCOLS.items()
    }
    names = ordered(
        REASONS, {name for each in reviews.values() for name in at(each, "reasons") or ()}
    )
    if not names:
        return
    rows = []
    for title, of_protocol in reviews.items():
        images = at(of_protocol, "images")
        cells = [_of(at(of_protocol, "reasons", name), images, of_protocol) for name in names]
        rows.append([title, numbers.percent(at(of_protocol, "review")), *cells])
    head = ("Protocol", "Asked for review", *(named(REASONS, name) for name in names))
    yield Table("Why review was asked for (an image can have several reasons)", head, rows)


def _of(count: Any, images: Any, share: Any) -> str:
    if share is None:
        return numbers.MISSING
    return f"{numbers.count(count or 0)} ({numbers.percent((count or 0) / images)})"


def _by_slide(figures: Figures) -> Table | None:
    slides = at(figures, "ways", "slides", "review", "slides") or {}
    rows = []
    for slide in sorted(slides):
        each = slides[slide]
        alone, images = each.get("without_review"), each.get("images")
        rows.append(
            [
                slide,
                named(CLASSES, str(each.get("class"))),
                numbers.count(images),
                numbers.percent(alone / images if numbers.known(alone) and images else None),
                numbers.count(alone),
                numbers.count(each.get("wrong_label")),
                numbers.count(each.get("wrong_class")),
            ]
        )
    head = ("Slide", "Class", "Images", "Coverage", "Answered alone", "Wrong label", "Wrong class")
    caption = "Leave one slide out: answers without review, slide by slide"
    return Table(caption, head, rows, names=2) if rows else None


def _outside(figures: Figures, sets: Mapping[str, Any]) -> Table:
    rows = []
    for name, each in sets.items():
        label = at(each, "voters", VOTE, "label")
        answered = at(each, "review", "without_review")
        area, balanced = (
            measured(at(label, score, "value"), at(label, score, "interval"))
            for score in ("roc_area", "binary_balanced_accuracy")
        )
        rows.append(
            [
                name,
                numbers.count(at(each, "images")),
                numbers.count(at(each, "malignant")),
                area.as_decimal() if label else "-",
                balanced.as_share() if label else "-",
                numbers.count(at(answered, "images")),
                numbers.count(wrong(answered)),
                numbers.count(at(answered, "benign_called_malignant")),
            ]
        )
    whole = together(figures)
    rows.append(["together", *(numbers.count(whole[name]) for name in ("images", "malignant"))])
    rows[-1] += [
        "-",
        "-",
        *(numbers.count(whole[name]) for name in ("answered", "wrong", "alarms")),
    ]
    head = (
        "Set",
        "Pictures",
        "Malignant",
        "AUROC of the vote",
        "Balanced accuracy",
        "Answered without review",
        "Of these wrong",
        "Healthy called malignant without review",
    )
    return Table("Other laboratories under the served policy", head, rows)


def _called(sets: Mapping[str, Any]) -> Table:
    voters = ordered(VOTERS, {voter for each in sets.values() for voter in each["voters"]})
    rows = []
    for name, each in sets.items():
        row = [name, numbers.count(at(each, "images"))]
        for voter in voters:
            called = at(each, "voters", voter, "called_malignant")
            share = numbers.percent(at(each, "voters", voter, "called_malignant_share"))
            row.append(f"{numbers.count(called)} ({share})" if called is not None else share)
        rows.append(row)
    head = ("Set", "Pictures", *(named(VOTERS, voter) for voter in voters))
    return Table("Called malignant, with or without review", head, rows)
