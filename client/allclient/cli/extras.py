"""Makes what a run makes beside its rows: cells, cases, annotated fields and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from allclient.cases import NO_CASE, Case, CaseBy, Cases, case_csv, case_json, case_table
from allclient.cli.wanted import Wanted, form_of, partial_of
from allclient.errors import ConfigurationError, ImageError
from allclient.report import (
    Entry,
    Journal,
    cell_csv,
    cell_json,
    check_target,
    entry_of,
    whole_file,
)

if TYPE_CHECKING:
    from allclient.result import Outcome

_WRITERS: Final = {"csv": (cell_csv, case_csv), "jsonl": (cell_json, case_json)}


class StoppedError(Exception):
    """The user stopped the run while its last files were made."""


class Done(Protocol):
    """Knows the files that an earlier run finished."""

    @property
    def resumed(self) -> int:
        """How many there are."""
        ...

    def is_done(self, file: str) -> bool:
        """Whether the file is one of them."""
        ...


class Extras:
    """Takes outcomes one at a time. What is made of all of them waits in a file, not in memory.

    Raises:
        ConfigurationError: a file or folder cannot be as it is asked for.
        OutputError: it cannot be written.
    """

    def __init__(
        self,
        wanted: Wanted,
        sources: tuple[str, ...],
        *,
        output: Path | None,
        overwrite: bool,
        done: Done | None,
    ) -> None:
        """Take the file of rows, ``output``, and ``done``, which knows an earlier run's rows."""
        again = overwrite or done is not None
        self._wanted = wanted
        self._folders = _folders(wanted, sources, again)
        self._targets = {path: check_target(path, replace=again) for path in wanted.files}
        _check_apart([*wanted.files, *([] if output is None else [output])])
        self._cases = Cases(CaseBy(wanted.case_by or "folder")) if self._counts_cases else None
        self._journal = self._open_journal(overwrite, done)
        self.failed = 0
        """Fields for which a file in a folder could not be made."""

    @property
    def _counts_cases(self) -> bool:
        wanted = self._wanted
        return any((wanted.case_by, wanted.cases, wanted.report))

    def take(self, outcome: Outcome) -> list[str]:
        """Count an outcome and make its own files; return what went wrong, in sentences."""
        entry = entry_of(outcome)
        problems = []
        if outcome.result is not None:
            for folder, ending, make in self._folders:
                try:
                    self._make(folder, ending, make, entry)
                except ImageError as error:
                    self.failed += 1
                    problems.append(f"allclient: {entry.row.file}: not in {folder}: {error}")
        if self._journal is not None:
            self._journal.append(entry)
        if self._cases is not None:
            self._cases.add(entry.row)
        return problems

    def finish(self, settings: list[tuple[str, str]], step: Callable[[], None]) -> None:
        """Write the files that are made of all outcomes. ``step`` may raise to stop."""
        wanted, journal = self._wanted, self._journal
        cases = self.cases()
        if wanted.cases is not None:
            self._write(wanted.cases, _WRITERS[form_of(wanted.cases)][1](cases))
        if journal is None:
            return
        if (cells := wanted.cells_file) is not None:
            self._write(cells, _WRITERS[form_of(cells)][0](_stepping(journal.entries(), step)))
        if wanted.report is not None:
            from allclient.view.choice import choose
            from allclient.view.page import Run, page

            by = CaseBy(wanted.case_by or "folder")
            run = Run(cases, by, settings, datetime.now().astimezone())
            chosen = choose(_stepping(journal.entries(), step))
            self._write(wanted.report, page(run, chosen, step))

    def end(self) -> None:
        """Drop what the files were made of; the run is complete."""
        if self._journal is not None:
            self._journal.remove()

    def abandon(self, *, resumable: bool) -> str | None:
        """Keep what there is for a later run, if one can go on; return where it is."""
        if self._journal is None:
            return None
        kept = self._journal.abandon()
        if kept is not None and not resumable:
            self._journal.remove()
            return None
        return kept

    def cases(self) -> list[Case]:
        """Return the cases as they are by now."""
        return [] if self._cases is None else self._cases.cases()

    def table(self) -> str | None:
        """Return the cases for a terminal; None if nobody asked for cases."""
        if not (self._wanted.case_by or self._wanted.cases):
            return None
        cases = self.cases()
        files = {case.name: case.fields + case.failed for case in cases}
        table = case_table(cases)
        if NO_CASE in files:
            table += (
                f"\nallclient: --case-by {self._wanted.case_by!r} does not fit the paths of "
                f"{files[NO_CASE]} of {sum(files.values())} files; they are {NO_CASE} above "
                "(a pattern is compared with the end of a path)"
            )
        return table

    def _open_journal(self, overwrite: bool, done: Done | None) -> Journal | None:
        if not self._targets:
            if done is not None and done.resumed and self._counts_cases:
                raise ConfigurationError(
                    "--resume goes on with --case-by only where the first run had --cases FILE or "
                    "--report FILE: the answers of that run are not known any more"
                )
            return None
        path = partial_of(next(iter(self._targets.values())))
        if done is not None and done.resumed and not path.exists():
            raise ConfigurationError(
                f"{str(path)!r} is not there, which keeps the cells of the files that are done: "
                "--resume goes on with --cells, --cases and --report only as the first run had "
                "them, and not after its end; leave them out, or start anew with --overwrite"
            )
        journal = Journal(path, overwrite=overwrite, resume=None if done is None else done.is_done)
        if done is not None and self._cases is not None:
            for entry in journal.entries():
                self._cases.add(entry.row)
        return journal

    def _make(
        self, folder: Path, ending: str, make: Callable[[Entry], bytes], entry: Entry
    ) -> None:
        from allclient.view.names import name_for

        data = make(entry)
        with whole_file(folder / name_for(entry.row.file, ending)) as file:
            file.write(data)

    def _write(self, path: Path, pieces: Iterable[bytes]) -> None:
        with whole_file(self._targets[path]) as file:
            for block in _blocks(pieces):
                file.write(block)


_BLOCK: Final = 1 << 16


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in larger pieces."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


def _check_apart(files: list[Path]) -> None:
    if len({file.resolve() for file in files}) < len(files):
        raise ConfigurationError("--output, --cells, --cases and --report name one file twice")


def _stepping(entries: Iterable[Entry], step: Callable[[], None]) -> Iterator[Entry]:
    for entry in entries:
        step()
        yield entry


def _folders(
    wanted: Wanted, sources: tuple[str, ...], again: bool
) -> list[tuple[Path, str, Callable[[Entry], bytes]]]:
    """Return the folders that get a file for each field, with its ending and its maker."""
    if not wanted.needs_pictures:
        return []
    from allclient.view.annotate import annotated
    from allclient.view.geojson import geojson
    from allclient.view.names import open_folder

    kinds: tuple[tuple[Path | None, str, Callable[[Entry], bytes]], ...] = (
        (wanted.annotate, ".jpg", annotated),
        (wanted.cells_folder, ".geojson", geojson),
    )
    return [
        (open_folder(folder, sources, again=again), ending, make)
        for folder, ending, make in kinds
        if folder is not None
    ]
