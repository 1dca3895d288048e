"""Writes the model card from the same figures: what the models are for, what not, how they did.

Its headings follow M. Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.report import numbers
from training.report.blocks import Block, Cell, Section, Table, Text
from training.report.page import environment
from training.report.reading import OWN_IMAGES, Figures, at
from training.report.sections import aims, backbones, made, maps, review, shortcuts, slides, verdict
from training.report.sections.protocols import CHOSEN, means
from training.report.sections.protocols import table as scores
from training.report.wording import (
    BACKBONE_NAMES,
    CLASSES,
    PROTOCOLS,
    VOTERS,
    named,
    ordered,
)

_SPECIAL = re.compile(r"([\\`*<>|\[\]])")


def render(figures: Figures, records: Mapping[str, Any]) -> str:
    """Return the card in Markdown; ``records`` are the masters' training records by backbone."""
    template = environment(autoescape=False).get_template("card.md.j2")
    text = template.render(
        verdict=verdict,
        limits=verdict.limits(figures),
        own=bool(at(figures, OWN_IMAGES)),
        sentences=[plain(each) for each in verdict.sentences(figures)],
        tables={
            "models": markdown(_models(figures, records)),
            "training": markdown(_training(records)),
            "goals": in_markdown(aims.section(figures)),
            "review": in_markdown(review.review(figures)),
            "outside": in_markdown(review.outside(figures)),
            "slides": in_markdown(slides.section(figures)),
            "probes": in_markdown(shortcuts.probing(figures)),
            "maps": in_markdown(maps.section(figures)),
            "backbones": in_markdown(backbones.section(figures)),
            "calibration": markdown(_calibration(figures)),
            "provenance": markdown(_provenance(figures)),
        },
        ways=[
            (
                title,
                plain(means(figures)[protocol]),
                markdown(scores(figures, protocol, CHOSEN, title)),
            )
            if at(figures, "ways", protocol, "voters")
            else (title, plain(means(figures)[protocol]), f"{numbers.MISSING.capitalize()}.")
            for protocol, title in PROTOCOLS.items()
        ],
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def records(masters: Path) -> dict[str, Any]:
    """Return the training records beside the masters, those that are there.

    Raises:
        ValueError: a record that is no JSON; the message names it.
    """
    by_backbone = {}
    for name in BACKBONE_NAMES:
        path = masters / f"{name}.json"
        if path.is_file():
            try:
                by_backbone[name] = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{path} is no training record: {error}") from error
    return by_backbone


def markdown(table: Table) -> str:
    """Return a table as GitHub's Markdown, its caption in bold above."""
    head = [plain(name) for name in table.head]
    words = {*range(table.names), len(head) - 1 if table.chips else 0}
    rule = ["---" if place in words else "---:" for place in range(len(head))]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]
    return "\n".join([f"**{plain(table.caption)}**", "", *lines])


def in_markdown(section: Section) -> str:
    """Return the tables of a section, and what in it was not measured."""
    return "\n\n".join(filter(None, map(_block, section.blocks)))


def plain(text: str) -> str:
    """Return the text that Markdown takes for text, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return markdown(block)
    return plain(block.text) if isinstance(block, Text) and block.kind == "missing" else ""


def _cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return plain(cell)
    return plain(f"{cell.text}; {cell.remark}" if cell.remark else cell.text)


def _models(figures: Figures, records: Mapping[str, Any]) -> Table:
    cost = made.cost(figures)
    table = next((block for block in cost.blocks if isinstance(block, Table)), None)
    if table is not None:
        return table
    rows = [
        [VOTERS[name], numbers.number(at(records, name, "parameters"))] for name in BACKBONE_NAMES
    ]
    return Table("Backbones", ("Backbone", "Parameters"), rows)


def _training(records: Mapping[str, Any]) -> Table:
    rows = []
    for name in BACKBONE_NAMES:
        data = at(records, name, "data")
        train = at(data, "parts", "train") or at(data, "train")
        classes = at(train, "classes") or {}
        counts = ", ".join(
            f"{named(CLASSES, each)} {numbers.count(classes[each])}"
            for each in ordered(CLASSES, classes)
        )
        rows.append(
            [
                VOTERS[name],
                str(at(data, "name") or "not recorded"),
                counts or "not recorded",
                str(at(train, "sha256") or "not recorded"),
                numbers.count(at(train, "images")) if train else "not recorded",
            ]
        )
    head = ("Backbone", "Data", "Images by class", "SHA-256 of the images", "Images")
    return Table("Trained on", head, rows, names=4)


def _calibration(figures: Figures) -> Table:
    voters = ordered(
        VOTERS, {v for protocol in PROTOCOLS for v in at(figures, "ways", protocol, "voters") or {}}
    )
    rows = []
    for protocol, title in PROTOCOLS.items():
        row = [title]
        for voter in voters:
            voter_scores = at(figures, "ways", protocol, "voters", voter)
            interval = at(voter_scores, "intervals", "ece")
            row.append(numbers.decimal(at(voter_scores, "scores", "ece"), interval))
        rows.append(row)
    head = ("Protocol", *(named(VOTERS, voter) for voter in voters))
    return Table("Expected calibration error of the label", head, rows)


def _provenance(figures: Figures) -> Table:
    rows = [
        ["figures computed", str(at(figures, "provenance", "made") or numbers.MISSING)],
        ["by commit", str(at(figures, "provenance", "git_commit") or numbers.MISSING)],
    ]
    for name in BACKBONE_NAMES:
        masters = at(figures, "provenance", "predictions", "known", name, "masters") or {}
        digest = ", ".join(str(each) for each in masters.values()) or numbers.MISSING
        rows.append([f"{VOTERS[name]}, SHA-256 of the evaluated master", digest])
    rows.append(["policy, version", str(at(figures, "policy", "version") or numbers.MISSING)])
    rows.append(["policy, SHA-256", str(at(figures, "policy", "sha256") or numbers.MISSING)])
    versions = at(figures, "provenance", "versions") or {}
    rows += [[f"version of {name}", str(version)] for name, version in versions.items()]
    return Table("Evaluated", ("What", "Value"), rows, names=2)
