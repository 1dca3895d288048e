"""Compares the vote and its backbones: who is better, by how much, and is it more than noise?"""

from __future__ import annotations

from typing import Any

from training.report import numbers
from training.report.blocks import Bullets, Cell, Section, Table, Text, missing
from training.report.reading import Figures, at, measured
from training.report.votes import NOISE, compare
from training.report.wording import PROTOCOLS, VOTERS, named

QUESTIONS = {"class": "four classes", "label": "benign/malignant"}


def section(figures: Figures) -> Section:
    """Return the section on the vote and its backbones."""
    page_section = Section("backbones", "The vote and its backbones")
    page_section.blocks.append(
        Text(
            "A vote is worth its cost where it beats its best backbone. McNemar's test looks only "
            "at the images where exactly one of two voters is right; p is the exact two-sided "
            "probability of so uneven a count, or a more uneven one, if both were equally good. "
            "It takes images as independent, which overlapping fields are not, so p is on the "
            "small side; the interval of the difference is by groups. No correction for the "
            "number of comparisons is made."
        )
    )
    page_section.blocks.append(_against_best(figures))
    for protocol, title in PROTOCOLS.items():
        for question, question_text in QUESTIONS.items():
            each = compare(figures, protocol, question)
            reasons = each.reasons() if each else []
            if each and reasons:
                page_section.blocks.append(
                    Text(f"{title}, {question_text}: is the vote better? {each.answer}", "heading")
                )
                page_section.blocks.append(Bullets(reasons))
    return page_section


def appendix(figures: Figures) -> Section:
    """Return the table of McNemar's counts between all voters."""
    page_section = Section("mcnemar", "All comparisons")
    for protocol, title in PROTOCOLS.items():
        page_section.blocks.append(_mcnemar(figures, protocol, title) or missing(title))
    return page_section


def _against_best(figures: Figures) -> Table:
    rows: list[list[str | Cell]] = []
    for protocol, title in PROTOCOLS.items():
        for question, question_text in QUESTIONS.items():
            each = compare(figures, protocol, question)
            if each is None:
                rows.append(
                    [title, question_text, *[numbers.MISSING] * 4, Cell(numbers.MISSING, "open")]
                )
                continue
            pair = each.pair
            tone = "good" if each.beats and not each.noise else "open" if each.noise else "bad"
            rows.append(
                [
                    title,
                    question_text,
                    VOTERS[each.best],
                    numbers.points(pair.difference.value, pair.difference.interval),
                    f"{numbers.count(pair.only_first)} / {numbers.count(pair.only_second)}",
                    numbers.p_value(pair.p),
                    Cell(each.answer, tone),
                ]
            )
    head = (
        "Protocol",
        "Question",
        "Best backbone",
        "Vote less best (95% interval)",
        "Won / lost",
        "McNemar",
        "Vote better?",
    )
    return Table("Does the vote beat its best backbone?", head, rows, names=3, chips=True)


def _mcnemar(figures: Figures, protocol: str, title: str) -> Table | None:
    """Return every pair with the vote, and the backbones among themselves."""
    rows: list[list[str | Cell]] = []
    for each in at(figures, "ways", protocol, "mcnemar") or ():
        p = each.get("p")
        rows.append(
            [
                QUESTIONS.get(str(each.get("question")), str(each.get("question"))),
                named(VOTERS, str(each.get("first"))),
                named(VOTERS, str(each.get("second"))),
                numbers.count(each.get("first_only_right")),
                numbers.count(each.get("second_only_right")),
                numbers.points(*_gap(each)),
                Cell(numbers.p_value(p), "" if numbers.known(p) and p < NOISE else "muted"),
            ]
        )
    if not rows:
        return None
    head = (
        "Question",
        "First",
        "Second",
        "First alone right",
        "Second alone right",
        "Difference (95% interval)",
        "p",
    )
    return Table(f"{title}: McNemar between voters", head, rows, names=3)


def _gap(entry: dict[str, Any]) -> tuple[float | None, tuple[float, float] | None]:
    difference = measured(entry.get("difference"), entry.get("interval"))
    return difference.value, difference.interval
