"""Restores rows that another program or version saved to allclient's own bytes of today.

Other programs are Excel and PowerShell; versions 0.1 and 0.2 of allclient had fewer columns.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from allclient.report.formats import (
    CSV_COLUMNS,
    OLD_CSV_COLUMNS,
    Csv,
    JsonLines,
    Resumable,
    csv_line,
)
from allclient.report.rowfile import RowFile
from allclient.textfile import UTF_8_MARK, utf_16_of

_DELIMITERS: Final = ",;\t"
"""Which of them a spreadsheet takes depends on the language of its system."""

_HEADS: Final = (CSV_COLUMNS, OLD_CSV_COLUMNS)

_NUMBERS: Final = {
    CSV_COLUMNS.index(name): "" if name == "um_per_pixel" else ".6f"
    for name in CSV_COLUMNS
    if name.startswith("probability") or name in ("ood_score", "um_per_pixel")
}
"""The columns with a fraction, and how it is written."""


def is_foreign(path: Path, form: Resumable) -> bool:
    """Return whether a file of rows does not begin as allclient begins it."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(UTF_8_MARK) or utf_16_of(start):
        return True
    head = form.head()
    return not start.startswith(head[: len(start)])


def restore(source: Path, target: Path, form: Resumable) -> None:
    """Write the rows of ``source`` to ``target`` as ``form`` has them.

    A row at the end without a line end is left out, as a run that was killed leaves one.

    Raises ValueError, with the reason, where these are no rows of the format; OSError, OutputError.
    """
    with source.open("rb") as file:
        codec = utf_16_of(file.read(4096)) or "utf-8"
        file.seek(max(file.seek(0, 2) - 2, 0))
        ended = b"\n" in file.read()
    try:
        with source.open(encoding=codec, newline="") as text, RowFile(target, "wb") as output:
            rows = _csv_rows(text) if isinstance(form, Csv) else _json_rows(text)
            row = form.head()
            for following in rows:
                output.write(row)
                row = following
            if ended:
                output.write(row)
            output.sync()
    except csv.Error as error:
        raise ValueError(str(error)) from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8: in Excel, save it as 'CSV UTF-8'") from error


def _json_rows(text: TextIO) -> Iterator[bytes]:
    form = JsonLines()
    for number, line in enumerate(text, 1):
        row = line.removeprefix("\ufeff").strip("\r\n").encode() + b"\n"
        if row.strip():
            _check(form, row, number)
            yield row


def _csv_rows(text: TextIO) -> Iterator[bytes]:
    head = text.readline().removeprefix("\ufeff")
    for delimiter in _DELIMITERS:
        if tuple(next(csv.reader([head], delimiter=delimiter), ())) in _HEADS:
            break
    else:
        raise ValueError("its first line does not name the columns")
    form = Csv()
    for number, cells in enumerate(csv.reader(text, delimiter=delimiter), 2):
        if any(cells):
            row = csv_line(_cells(cells, number))
            _check(form, row, number)
            yield row


def _cells(cells: list[str], number: int) -> list[str]:
    """Return the cells of a row: Excel leaves out empty ones at its end."""
    whole = [*cells, *[""] * (len(CSV_COLUMNS) - len(cells))]
    try:
        for index, form in _NUMBERS.items():
            if whole[index]:
                whole[index] = format(float(whole[index].replace(",", ".")), form)
    except ValueError as error:
        raise ValueError(f"row {number}: {error}") from error
    return whole


def _check(form: Resumable, row: bytes, number: int) -> None:
    try:
        form.read(row)
    except ValueError as error:
        raise ValueError(f"row {number}: {error}") from error
