"""Turns the rows of CELLS into checked Cells."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from allclient.cell import Cell
from allclient.contract import CELL_FIELDS, SUBTYPES
from allclient.errors import ProtocolError

_TOLERANCE: Final = 1e-3
_COLUMNS: Final = {name: index for index, name in enumerate(CELL_FIELDS)}
_PROBABILITIES: Final = [_COLUMNS[f"probability_{subtype.value}"] for subtype in SUBTYPES]


def cells_of(rows: npt.NDArray[np.float32]) -> tuple[Cell, ...]:
    """Return each row that is a cell; rows of zeros fill up a batch and are left out.

    Raises:
        ProtocolError: a row leaves the field, or its probabilities do not sum to 1.
    """
    kept = rows[rows[:, _COLUMNS["width"]] > 0].astype(np.float64)
    if kept.size and (kept.min() < 0 or kept.max() > 1 + _TOLERANCE):
        raise ProtocolError("CELLS leaves the range 0 to 1")
    for start, length in (("x", "width"), ("y", "height")):
        if (kept[:, _COLUMNS[start]] + kept[:, _COLUMNS[length]] > 1 + _TOLERANCE).any():
            raise ProtocolError("CELLS has a box that leaves the field")
    sums = kept[:, _PROBABILITIES].sum(axis=1)
    if (abs(sums - 1) > _TOLERANCE).any():
        raise ProtocolError("CELLS has a row whose probabilities do not sum to 1")
    return tuple(_cell(row) for row in kept.clip(0, 1).tolist())


def _cell(row: list[float]) -> Cell:
    values: dict[str, Any] = dict(zip(CELL_FIELDS, row, strict=True))
    return Cell(
        x=values["x"],
        y=values["y"],
        width=values["width"],
        height=values["height"],
        probabilities={s: values[f"probability_{s.value}"] for s in SUBTYPES},
        area_share=values["area_share"],
        agreement=values["agreement"],
    )
