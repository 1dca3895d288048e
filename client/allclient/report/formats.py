"""Writes rows as bytes: JSON Lines, CSV and a plain table. Every format writes a row at a time."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from typing import Final, Protocol

from allclient.contract import BACKBONES, SUBTYPES
from allclient.report.rows import JSON_KEYS, OLD_JSON_KEYS, Row

FORMATS: Final = ("table", "csv", "jsonl")
SUFFIXES: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""The format that the ending of an output file asks for."""


class Format(Protocol):
    """Turns rows into UTF-8 bytes."""

    def head(self) -> bytes:
        """Return what stands before the first row."""

    def line(self, row: Row) -> bytes:
        """Return one row with its line end."""


class Resumable(Format, Protocol):
    """A format whose lines can be read back."""

    def read(self, line: bytes) -> tuple[str, bool]:
        """Return the file and whether it was classified. Raises ValueError for other lines.

        Raises ValueError when this is no such line.
        """


_KEYS: Final = (set(JSON_KEYS), set(OLD_JSON_KEYS))


class JsonLines:
    r"""A JSON object a line, UTF-8. Bytes of a file name that are no UTF-8 become ``\udcXX``."""

    def head(self) -> bytes:
        """Return nothing: JSON Lines have no head."""
        return b""

    def line(self, row: Row) -> bytes:
        """Return one row with its line end."""
        text = json.dumps(row.as_json(), ensure_ascii=False, allow_nan=False)
        # Python keeps such bytes as lone surrogates, which UTF-8 cannot say but JSON can.
        return text.encode("utf-8", "backslashreplace") + b"\n"

    def read(self, line: bytes) -> tuple[str, bool]:
        """Return the file and whether it was classified. Raises ValueError for other lines."""
        record = json.loads(line)
        if not isinstance(record, dict) or set(record) not in _KEYS:
            raise ValueError("not a line of allclient's JSON Lines")
        if not isinstance(record["file"], str):
            raise ValueError("'file' is no text")
        return record["file"], record["error"] is None


OLD_CSV_COLUMNS: Final = (
    "file",
    "label",
    "subtype",
    "probability",
    *(f"probability_{subtype.value}" for subtype in SUBTYPES),
    *(f"vote_{backbone.value}" for backbone in BACKBONES),
    "review",
    "ood_score",
    "error_code",
    "error_message",
)
"""The columns of versions 0.1 and 0.2."""

CSV_COLUMNS: Final = (
    *OLD_CSV_COLUMNS,
    "leukocytes",
    "malignant_leukocytes",
    "um_per_pixel",
    "release",
)

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")


def guard_cell(text: str) -> str:
    """Return text that a spreadsheet takes for text: ``=cmd`` becomes ``'=cmd``.

    A leading apostrophe is doubled by the same rule, so that ``unguard_cell`` is exact.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def unguard_cell(text: str) -> str:
    """Return the text that ``guard_cell`` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


class Csv:
    """RFC 4180 with a header but Unix line ends, UTF-8; reasons for review joined by ``;``.

    A line here may span several lines of text, where a file name holds a line break.
    """

    def head(self) -> bytes:
        """Return the line of the columns' names."""
        return csv_line(CSV_COLUMNS)

    def line(self, row: Row) -> bytes:
        """Return one row with its line end."""
        code, message = row.error or ("", "")
        cells = [row.file, row.label or "", row.subtype or "", _number(row.probability)]
        cells += [_number((row.probabilities or {}).get(subtype.value)) for subtype in SUBTYPES]
        cells += [(row.votes or {}).get(backbone.value, "") for backbone in BACKBONES]
        cells += [";".join(row.review or ()), _number(row.ood_score), code, message]
        cells += [_plain(row.leukocytes), _plain(row.malignant_leukocytes)]
        cells += [_plain(row.um_per_pixel), row.release or ""]
        return csv_line(guard_cell(cell) for cell in cells)

    def read(self, line: bytes) -> tuple[str, bool]:
        """Return the file and whether it was classified. Raises ValueError for other lines."""
        text = io.StringIO(line.decode("utf-8"), newline="")
        try:
            cells = next(csv.reader(text, strict=True), [])
        except csv.Error as error:
            raise ValueError(f"not a line of CSV: {error}") from error
        if len(cells) != len(CSV_COLUMNS):
            raise ValueError("not a line of allclient's CSV")
        return unguard_cell(cells[0]), not cells[CSV_COLUMNS.index("error_code")]


def csv_line(cells: Iterable[str]) -> bytes:
    """Return one row of ``Csv``, of cells that are text for a spreadsheet already."""
    text = io.StringIO(newline="")
    # With this line end, and no other, csv quotes a carriage return in a file name.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n").encode("utf-8", "backslashreplace") + b"\n"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _plain(value: float | None) -> str:
    return "" if value is None else str(value)


class Table:
    """Aligned columns for reading, a row at a time: the file comes last, as long as it is.

    ``compact`` leaves out the four probabilities and the three votes, for a narrow terminal.
    """

    def __init__(self, *, compact: bool = False) -> None:
        self.compact = compact

    def head(self) -> bytes:
        """Return the line of titles."""
        return (self._aligned(_TITLES) + "FILE\n").encode()

    def line(self, row: Row) -> bytes:
        """Return one row with its line end."""
        return (self.text(row) + "\n").encode("utf-8")

    def text(self, row: Row) -> str:
        """Return the row without its line end; control characters are shown, never sent."""
        if row.error is not None:
            cells = ["failed", *["-"] * (len(_TITLES) - 1)]
            reason = f"  {row.error[0]}: {row.error[1]}"
        else:
            cells = [row.label or "", row.subtype or "", _short(row.probability)]
            cells += [_short((row.probabilities or {})[subtype.value]) for subtype in SUBTYPES]
            cells += [(row.votes or {})[backbone.value] for backbone in BACKBONES]
            cells += [_short(row.ood_score), ",".join(row.review or ()) or "-"]
            reason = ""
        return self._aligned(cells) + printable(row.file + reason)

    def _aligned(self, cells: list[str] | tuple[str, ...]) -> str:
        kept = zip(cells, _WIDTHS, _COMPACT, strict=True)
        return "".join(
            f"{cell:<{width}}  " for cell, width, always in kept if always or not self.compact
        )


_TITLES: Final = (
    "LABEL",
    "SUBTYPE",
    "PROB",
    *(subtype.value.upper() for subtype in SUBTYPES),
    *(backbone.value.upper() for backbone in BACKBONES),
    "OOD",
    "REVIEW",
)
_WIDTHS: Final = (9, 11, 5, 6, 11, 5, 5, 11, 11, 12, 5, 20)
_COMPACT: Final = (True, True, True, *[False] * 7, True, True)

TABLE_WIDTH: Final = sum(_WIDTHS) + 2 * len(_WIDTHS)
"""Columns that the table takes before the file name."""


def printable(text: str) -> str:
    """Return text for a terminal or a log: control characters and odd bytes as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def _short(value: float | None) -> str:
    # Rounded down: 0.9996 must not read as certain.
    return "-" if value is None else f"{math.floor(value * 1000 + 1e-6) / 1000:.3f}"
