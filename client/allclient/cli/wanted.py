"""Checks the options of ``allclient classify`` that ask for more than rows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from allclient.cases import CaseBy
from allclient.errors import ConfigurationError
from allclient.report import SUFFIXES

_PAGES: Final = (".html", ".htm")


def form_of(path: Path) -> str:
    """Return ``csv`` or ``jsonl`` by the ending of a name; empty for another."""
    return SUFFIXES.get(path.suffix.lower(), "")


def partial_of(path: Path) -> Path:
    """Return where what a file is made of waits until the run is complete."""
    return path.with_name(path.name + ".partial")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options that ask for more than rows, as they were given."""

    cells: str | None
    annotate: Path | None
    case_by: str | None
    cases: Path | None
    report: Path | None

    def __bool__(self) -> bool:
        return any((self.cells, self.annotate, self.case_by, self.cases, self.report))

    @property
    def cells_folder(self) -> Path | None:
        """The folder for GeoJSON, if ``--cells`` names no CSV and no JSON Lines."""
        return None if self.cells is None or self.cells_file is not None else Path(self.cells)

    @property
    def cells_file(self) -> Path | None:
        """The file of ``--cells`` that is CSV or JSON Lines."""
        path = None if self.cells is None else Path(self.cells)
        return path if path is not None and form_of(path) else None

    @property
    def files(self) -> list[Path]:
        """The files that are made of all outcomes."""
        named = (self.report, self.cells_file, self.cases)
        return [path for path in named if path is not None]

    @property
    def needs_pictures(self) -> str:
        """The options that need the extra ``report``."""
        names = [
            name
            for name, value in (
                ("--annotate", self.annotate),
                ("--report", self.report),
                ("GeoJSON by --cells", self.cells_folder),
            )
            if value is not None
        ]
        return ", ".join(names)

    @property
    def unfinished(self) -> bool:
        """Whether a file is not there, or what it is made of still is."""
        return not all(file.exists() for file in self.files) or any(
            partial_of(file).exists() for file in self.files
        )

    def check(self) -> None:
        """Check what can be told before the run.

        Raises:
            UsageError: an option cannot be as it is given.
            ConfigurationError: the extra ``report`` is missing.
        """
        if self.cells in ("", "-"):
            raise click.UsageError(f"--cells {self.cells!r} is no name of a file or folder")
        folder = self.cells_folder
        named = str(self.cells).endswith(("/", os.sep)) or (folder is not None and folder.is_dir())
        if folder is not None and folder.suffix and not named:
            raise click.UsageError(
                f"--cells {self.cells}: name a file that ends in .csv or .jsonl, or a folder, "
                "with / at its end, for GeoJSON (QuPath takes one file for each field)"
            )
        if self.cases is not None and not form_of(self.cases):
            raise click.UsageError(f"--cases {self.cases}: the name ends in .csv or .jsonl")
        if self.report is not None and self.report.suffix.lower() not in _PAGES:
            raise click.UsageError(f"--report {self.report}: the name ends in .html")
        if self.case_by is not None:
            try:
                CaseBy(self.case_by)
            except ConfigurationError as error:
                raise click.UsageError(f"--case-by: {error}") from error
        if self.needs_pictures:
            from allclient.view import require

            require(self.needs_pictures)
