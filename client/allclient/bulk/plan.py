"""Keeps the plan of a run beside its results: which files, in which parts, and what is done.

OUT/run.json               what was asked; written last, so it says that the list is whole
OUT/files.parquet          the files, a row group for each part
OUT/fields/part-*.parquet  the answers, a row for each file of the part
OUT/cases/cases.parquet    the cases, made at the end
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from allclient.bulk.places import Place
from allclient.bulk.schema import printable
from allclient.errors import ConfigurationError, OutputError

RUN: Final = "run.json"
FILES: Final = "files.parquet"
FIELDS_FOLDER: Final = "fields"
CASES_FOLDER: Final = "cases"

_FILES_SCHEMA: Final = pa.schema([("file", pa.binary())])
"""Bytes, since the name of a file may be no text."""

_READERS: Final = 16

_BEFORE: Final = {"cells": True}
"""What runs asked before it was written down."""


def part_name(number: int) -> str:
    """Return the name of the file with the answers of a part."""
    return f"{FIELDS_FOLDER}/part-{number:08d}.parquet"


@dataclass(frozen=True, slots=True)
class Left:
    """What is left to do of a run."""

    parts: tuple[int, ...]
    """The parts to do: without answers yet, or with a file that failed."""
    classified: int
    """Files with an answer by an earlier run."""


class Plan:
    """The plan at a place."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def exists(self) -> bool:
        """Return whether a run has begun here."""
        return self.place.exists(RUN) or bool(self.place.names(FIELDS_FOLDER))

    def listed(self) -> bool:
        """Return whether the list of files is whole."""
        return self.place.exists(RUN)

    def clear(self) -> None:
        """Delete what a run has written, and nothing else.

        The answers go first: parts without their list could be taken for those of another one.
        """
        for name in (FIELDS_FOLDER, CASES_FOLDER, RUN, FILES):
            self.place.remove(name)

    def make(self, files: Iterable[str], asked: dict[str, Any], part_size: int) -> None:
        """Write the list of files, each with its place in a part, and then what was asked."""
        remaining = iter(files)
        count = 0
        with (
            self.place.writing(FILES) as sink,
            pq.ParquetWriter(sink, _FILES_SCHEMA, compression="zstd") as writer,
        ):
            while part := [os.fsencode(file) for file in islice(remaining, part_size)]:
                count += len(part)
                batch = pa.table({"file": part}, schema=_FILES_SCHEMA)
                writer.write_table(batch, row_group_size=part_size)
        self.place.write(RUN, json.dumps({**asked, "files": count}, indent=1).encode())

    def check(self, asked: dict[str, Any]) -> None:
        """Check that the run here asked the same.

        Raises:
            ConfigurationError: it did not.
        """
        before = self._run
        changed = [name for name, value in asked.items() if before.get(name) != value]
        if changed:
            told = "; ".join(
                f"{name}: {before.get(name)!r}, now {asked[name]!r}" for name in changed
            )
            raise ConfigurationError(
                f"{self.place.url} holds a run that asked something else ({told}): --resume goes "
                "on with the same, --overwrite starts anew"
            )

    @cached_property
    def _run(self) -> dict[str, Any]:
        try:
            run = _BEFORE | json.loads(self.place.read(RUN))
            assert isinstance(run["files"], int)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise ConfigurationError(f"{self.place.at(RUN)} is not that of a run") from error
        return dict(run)

    @property
    def count(self) -> int:
        """How many files the run has."""
        return int(self._run["files"])

    @cached_property
    def _metadata(self) -> pq.FileMetaData:
        with self.place.reading(FILES) as file:
            return pq.read_metadata(file)

    @property
    def parts(self) -> int:
        """How many parts the run has."""
        return int(self._metadata.num_row_groups)

    def files(self, part: int) -> list[str]:
        """Return the files of a part."""
        with self.place.reading(FILES) as file:
            group = pq.ParquetFile(file, metadata=self._metadata).read_row_group(part)
        return [os.fsdecode(name) for name in group.column("file").to_pylist()]

    def left(self) -> Left:
        """Return what is left to do."""
        done = self.place.names(FIELDS_FOLDER)
        written = [part for part in range(self.parts) if part_name(part).split("/")[1] in done]
        with ThreadPoolExecutor(_READERS) as pool:
            found = dict(zip(written, pool.map(self._counts, written), strict=True))
        left = tuple(part for part in range(self.parts) if part not in found or found[part][1] > 0)
        return Left(left, sum(classified for classified, _ in found.values()))

    def answers(self, part: int, files: list[str]) -> list[dict[str, Any]] | None:
        """Return the rows of a part; None if they are not there, torn, or those of other files."""
        name = part_name(part)
        if not self.place.exists(name):
            return None
        try:
            with self.place.reading(name) as file:
                rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
        except OutputError as error:
            if _is_torn(error):
                return None
            raise
        named = [row["file"] for row in rows] == [printable(file) for file in files]
        return rows if named else None

    def rows(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the rows of all parts, in order, without their cells."""
        for part in range(self.parts):
            with self.place.reading(part_name(part)) as file:
                yield from pq.read_table(file, columns=columns).to_pylist()

    def _counts(self, part: int) -> tuple[int, int]:
        """Return how many files of a part have an answer, and how many have none."""
        try:
            with self.place.reading(part_name(part)) as file:
                errors = pq.read_table(file, columns=["error"]).column("error")
        except OutputError as error:
            if _is_torn(error):
                return 0, 1
            raise
        return errors.null_count, len(errors) - errors.null_count


def _is_torn(error: OutputError) -> bool:
    """Return whether a file was there and is no whole Parquet file, as a crash may leave one."""
    cause = error.__cause__
    return isinstance(cause, pa.ArrowInvalid) or (
        isinstance(cause, OSError) and cause.errno is None and "thrift" in str(cause)
    )
