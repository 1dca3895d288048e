"""The options of ``allclient classify`` that ask for more than rows, checked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click

from allclient.cases import CaseBy
from allclient.errors import ConfigurationError
from allclient.report import SUFFIXES


def form_of(path: Path) -> str:
    """``csv`` or ``jsonl`` by the ending of a name; empty for another."""
    return SUFFIXES.get(path.suffix.lower(), "")


def partial_of(path: Path) -> Path:
    """Where what a file is made of waits until the run is complete."""
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
        """The folder for GeoJSON, where ``--cells`` names no CSV and no JSON Lines."""
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
            for name, given in (
                ("--annotate", self.annotate),
                ("--report", self.report),
                ("GeoJSON by --cells", self.cells_folder),
            )
            if given is not None
        ]
        return ", ".join(names)

    @property
    def unfinished(self) -> bool:
        """Whether a file is not there, or what it is made of still is."""
        return not all(file.exists() for file in self.files) or any(
            partial_of(file).exists() for file in self.files
        )

    def check(self) -> None:
        """Raises UsageError, or ConfigurationError where the extra ``report`` is missing."""
        folder = self.cells_folder
        named = str(self.cells).endswith(("/", os.sep)) or (folder is not None and folder.is_dir())
        if folder is not None and folder.suffix and not named:
            raise click.UsageError(
                f"--cells {self.cells}: name a file that ends in .csv or .jsonl, or a folder, "
                "with / at its end, for GeoJSON (QuPath takes one file for each field)"
            )
        if self.cases is not None and not form_of(self.cases):
            raise click.UsageError(f"--cases {self.cases}: the name ends in .csv or .jsonl")
        if self.case_by is not None:
            try:
                CaseBy(self.case_by)
            except ConfigurationError as error:
                raise click.UsageError(f"--case-by: {error}") from error
        if self.needs_pictures:
            from allclient.view import require

            require(self.needs_pictures)
