"""Shows what would go without review under other bounds than those of the policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from training.report import numbers
from training.report.blocks import Block, Table, Text
from training.report.reading import Figures, at
from training.report.wording import PROTOCOLS

BOUND = ("leukocytes", "ood_score")
COUNT = ("without_review", "wrong_label")


def blocks(figures: Figures) -> Iterator[Block]:
    """Yield the table of bounds, and a word on it; nothing where it was not measured."""
    columns = {
        title: at(figures, "ways", protocol, "bounds") for protocol, title in PROTOCOLS.items()
    }
    columns["Other laboratories"] = _added(
        [at(each, "bounds") for each in (at(figures, "outside") or {}).values()]
    )
    known = {title: rows for title, rows in columns.items() if rows}
    if not known:
        return
    yield Text(
        "Two bounds are not chosen by known fields, which need neither: how many leukocytes an "
        "answer rests on, and how unlike the known images the field of a malignant answer may "
        "be. Sets of other laboratories speak for both. Each cell: answers without review, and "
        "how many of them have the wrong label, if these two bounds were others and the rest of "
        "the policy the same."
    )
    first = next(iter(known.values()))
    yield Table(
        "Answers without review under other bounds",
        ("Leukocytes at least", "OOD score at most", *known),
        [
            [
                numbers.count(row["leukocytes"]),
                str(row["ood_score"]),
                *(_cell(rows, row) for rows in known.values()),
            ]
            for row in first
        ],
        names=2,
    )


def _cell(rows: list[dict[str, Any]], wanted: dict[str, Any]) -> str:
    for row in rows:
        if all(row[name] == wanted[name] for name in BOUND):
            return f"{numbers.count(row[COUNT[0]])}, {numbers.count(row[COUNT[1]])}"
    return numbers.MISSING


def _added(sets: list[Any]) -> list[dict[str, Any]] | None:
    """Return the sums over sets; None where one of them was not measured."""
    if not sets or not all(sets):
        return None
    return [
        {name: rows[0][name] for name in BOUND}
        | {name: sum(r[name] for r in rows) for name in COUNT}
        for rows in zip(*sets, strict=True)
    ]
