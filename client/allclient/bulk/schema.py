"""Defines the tables of a run in Arrow, and writes them as Parquet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from allclient.cell import Cell
from allclient.contract import BACKBONES, SUBTYPES
from allclient.report import Row, row_of
from allclient.result import Outcome

NOTICE: Final = (
    "These answers support a reading by a pathologist and never replace it; not a medical device."
)

_DIGITS: Final = 6
_NUMBER: Final = pa.float64()
_TEXT: Final = pa.string()
_PROBABILITIES: Final = pa.struct([(subtype.value, _NUMBER) for subtype in SUBTYPES])

CELL: Final = pa.struct(
    [
        *((name, _NUMBER) for name in ("x", "y", "width", "height")),
        ("label", _TEXT),
        ("subtype", _TEXT),
        ("probabilities", _PROBABILITIES),
        ("area_share", _NUMBER),
        ("agreement", _NUMBER),
    ]
)

FIELDS: Final = pa.schema(
    [
        ("file", _TEXT),
        ("label", _TEXT),
        ("subtype", _TEXT),
        ("probability", _NUMBER),
        ("probabilities", _PROBABILITIES),
        ("votes", pa.struct([(backbone.value, _TEXT) for backbone in BACKBONES])),
        ("review", pa.list_(_TEXT)),
        ("ood_score", _NUMBER),
        ("error", pa.struct([("code", _TEXT), ("message", _TEXT)])),
        ("leukocytes", pa.int32()),
        ("malignant_leukocytes", pa.int32()),
        ("um_per_pixel", _NUMBER),
        ("release", _TEXT),
        ("cells", pa.list_(CELL)),
        ("model_version", _TEXT),
    ],
    metadata={"notice": NOTICE, "cells": "asked for"},
)
"""A row for each file: the keys of JSON Lines, and the cells."""

FIELDS_ALONE: Final = pa.schema(
    [column for column in FIELDS if column.name != "cells"],
    metadata={"notice": NOTICE, "cells": "not asked for"},
)
"""The fields of a run that asked for no cells: no column for them, and their counts are null."""

CASES: Final = pa.schema(
    [
        ("case", _TEXT),
        ("label", _TEXT),
        ("reasons", pa.list_(_TEXT)),
        *((name, pa.int64()) for name in ("fields", "failed", "to_review")),
        *((f"fields_{subtype.value}", pa.int64()) for subtype in SUBTYPES),
        ("leukocytes", pa.int64()),
        ("malignant_leukocytes", pa.int64()),
        ("malignant_share", _NUMBER),
        ("malignant_share_low", _NUMBER),
        ("malignant_share_high", _NUMBER),
        ("look_first", pa.list_(_TEXT)),
    ],
    metadata={"notice": NOTICE},
)
"""A row for each case: the keys of ``Case.as_json``."""


def values_of(outcome: Outcome) -> dict[str, Any]:
    """Return the row of an outcome as values of ``FIELDS``, with or without its cells."""
    values, result = row_of(outcome).as_json(), outcome.result
    values["file"] = printable(values["file"])
    return values | {
        "cells": None if result is None else [_cell(cell) for cell in result.cells or ()],
        "model_version": None if result is None else result.model_version,
    }


def row_from(values: dict[str, Any]) -> Row:
    """Return the row that values of ``FIELDS`` say; they may lack the columns after it."""
    error = values["error"]
    names = Row.__dataclass_fields__.keys() - {"error"}
    told = None if error is None else (error["code"], error["message"])
    return Row(**{name: values[name] for name in names}, error=told)


def printable(name: str) -> str:
    """Return the name of a file as text: bytes that are none are written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def parquet(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> bytes:
    """Return rows as a Parquet file."""
    sink = io.BytesIO()
    table = pa.Table.from_pylist(list(rows), schema=schema)
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        **{name: round(getattr(cell, name), _DIGITS) for name in ("x", "y", "width", "height")},
        "label": cell.label.value,
        "subtype": cell.subtype.value,
        "probabilities": {s.value: round(cell.probabilities[s], _DIGITS) for s in SUBTYPES},
        "area_share": round(cell.area_share, _DIGITS),
        "agreement": round(cell.agreement, _DIGITS),
    }
