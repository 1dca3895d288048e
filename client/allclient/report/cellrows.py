"""Writes every cell as a row of CSV or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from allclient.contract import SUBTYPES
from allclient.report.entry import Entry
from allclient.report.formats import csv_line, guard_cell

CELL_COLUMNS: Final = (
    "file",
    "cell",
    "x",
    "y",
    "width",
    "height",
    "label",
    "subtype",
    *(f"probability_{subtype.value}" for subtype in SUBTYPES),
    "area_share",
    "agreement",
)
"""``cell`` counts from 1 in each file; the box is in shares of the upright picture's sides."""

_DIGITS: Final = 6


def cell_csv(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield a header and a line for each cell, as ``report.Csv`` writes text and numbers."""
    yield csv_line(CELL_COLUMNS)
    for entry in entries:
        for values in _rows(entry):
            yield csv_line(guard_cell(_text(value)) for value in values.values())


def cell_json(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield a JSON object a line for each cell."""
    for entry in entries:
        for values in _rows(entry):
            text = json.dumps(values, ensure_ascii=False, allow_nan=False)
            yield text.encode("utf-8", "backslashreplace") + b"\n"


def _rows(entry: Entry) -> Iterator[dict[str, Any]]:
    for number, cell in enumerate(entry.cells, 1):
        box = (cell.x, cell.y, cell.width, cell.height)
        probabilities = (cell.probabilities[subtype] for subtype in SUBTYPES)
        values = (
            entry.row.file,
            number,
            *(round(share, _DIGITS) for share in box),
            cell.label.value,
            cell.subtype.value,
            *(round(probability, _DIGITS) for probability in probabilities),
            round(cell.area_share, _DIGITS),
            round(cell.agreement, _DIGITS),
        )
        yield dict(zip(CELL_COLUMNS, values, strict=True))


def _text(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)
