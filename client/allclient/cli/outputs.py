"""Opens the output of the rows of a run, by its options."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from allclient.cli.screen import Screen, TerminalTable
from allclient.report import (
    SUFFIXES,
    Csv,
    FileOutput,
    JsonLines,
    Row,
    RowFile,
    StreamOutput,
    Table,
    opening,
)
from allclient.report.formats import Format

_FORMATS: Final[dict[str, Callable[[], Format]]] = {"csv": Csv, "jsonl": JsonLines, "table": Table}


class Output(Protocol):
    """A place where rows go."""

    def is_done(self, file: str) -> bool:
        """Whether an earlier run has classified the file."""
        ...

    def write(self, row: Row) -> None:
        """Write a row."""
        ...

    def finish(self) -> None:
        """Make what was written permanent."""
        ...

    def abandon(self) -> str | None:
        """Keep what there is for a later run; return where, None where there is nothing."""
        ...


def format_name(form: str | None, output: Path | None) -> str:
    """Return the format asked for, else that of the file's ending, else the table."""
    if form is not None:
        return form
    suffix = output.suffix.lower() if output else ""
    return SUFFIXES.get(suffix, "table")


def open_output(
    form: str | None, path: Path | None, screen: Screen, *, resume: bool, overwrite: bool
) -> Output:
    """Open standard output, a pipe, or a file; raise as ``FileOutput`` does."""
    name = format_name(form, path)
    made = _FORMATS[name]()
    if path is None or str(path) == "-":
        if name == "table" and screen.interactive and sys.stdout.isatty():
            return TerminalTable(screen)
        return StreamOutput(sys.stdout.buffer, made)
    with opening(path):
        if path.exists() and not path.is_file():
            return StreamOutput(RowFile(path, "wb"), made)  # a named pipe, /dev/null
    return FileOutput(path, made, resume=resume, overwrite=overwrite)
