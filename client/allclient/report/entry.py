"""Writes one outcome with all that its cells and heat map say as a line of JSON, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from allclient.cell import Cell
from allclient.contract import SUBTYPES
from allclient.report.rows import JSON_KEYS, Row, row_of
from allclient.result import Outcome

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """What a run keeps on disk of one field until the cells, cases and report are written."""

    row: Row
    cells: tuple[Cell, ...] = ()
    heatmap: npt.NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    """float32 [7, 7]; None where the field has no answer."""
    model_version: str = ""

    def line(self) -> bytes:
        """Return the entry as JSON, without a line end within it."""
        values = self.row.as_json() | {
            "cells": [_values(cell) for cell in self.cells],
            "heatmap": None if self.heatmap is None else self.heatmap.round(4).tolist(),
            "model_version": self.model_version,
        }
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "backslashreplace") + b"\n"


def entry_of(outcome: Outcome) -> Entry:
    """Return the entry of an outcome whose source is a path."""
    row, result = row_of(outcome), outcome.result
    if result is None:
        return Entry(row)
    return Entry(row, result.cells or (), result.heatmap, result.model_version)


def read_entry(line: bytes) -> Entry:
    """Return the entry of a line.

    Raises:
        ValueError: the line holds none.
    """
    import numpy as np

    values = json.loads(line)
    try:
        row = {key: values.pop(key) for key in JSON_KEYS}
        error = row.pop("error")
        heatmap = values["heatmap"]
        return Entry(
            row=Row(**row, error=None if error is None else (error["code"], error["message"])),
            cells=tuple(_cell(cell) for cell in values["cells"]),
            heatmap=None if heatmap is None else np.array(heatmap, np.float32),
            model_version=values["model_version"],
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError("not a line of a run's entries") from error


def _values(cell: Cell) -> list[float]:
    numbers = (cell.x, cell.y, cell.width, cell.height, *cell.probabilities.values())
    return [round(value, _DIGITS) for value in (*numbers, cell.area_share, cell.agreement)]


def _cell(values: list[Any]) -> Cell:
    x, y, width, height, *probabilities, area_share, agreement = values
    classes = dict(zip(SUBTYPES, probabilities, strict=True))
    return Cell(x, y, width, height, classes, area_share, agreement)
