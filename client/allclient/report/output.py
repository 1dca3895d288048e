"""Writes rows to standard output, or to a file that is whole or not there.

A file is written as ``FILE.partial`` beside it, a row at a time and flushed, and renamed at the
end. A run that stops early leaves ``FILE.partial`` with all it finished; resuming goes on there.
One that stops before its first row leaves things as they were.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from allclient.errors import ConfigurationError
from allclient.report.formats import Csv, Format, JsonLines, Resumable
from allclient.report.restore import is_foreign, restore
from allclient.report.rowfile import RowFile, opening, writing
from allclient.report.rows import Row


class Stream(Protocol):
    """A stream that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Take bytes."""

    def flush(self) -> object:
        """Pass on what is held back."""


class StreamOutput:
    """Writes rows to an open stream, each as soon as it is there."""

    def __init__(self, stream: Stream, form: Format) -> None:
        self._stream = stream
        self._form = form
        self._head = form.head()

    def write(self, row: Row) -> None:
        """Write one row, after the head if it is the first."""
        head, self._head = self._head, b""  # with the first row: a run may fail before it
        self._write(head + self._form.line(row))

    def finish(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def abandon(self) -> str | None:
        """Return None: a stream keeps nothing."""
        return None

    def is_done(self, file: str) -> bool:
        """Return False: there was no earlier run."""
        return False

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()


class FileOutput:
    """Writes rows to ``path``, which appears only when the run is complete.

    With ``resume`` the files that an earlier run classified are known to ``is_done``; those that
    failed are to be tried again, and their old rows go once there is a new one. With
    ``overwrite`` what is there is replaced at the end. With neither, an existing file is an error.

    Raises ConfigurationError when the file exists, is of another format or cannot be one by its
    name; OutputError, here and later, when it cannot be written.
    """

    def __init__(
        self, path: Path, form: Format, *, resume: bool = False, overwrite: bool = False
    ) -> None:
        with opening(path):
            self.path = path.resolve()  # a link stays one, and its target is written
        self.partial = self.path.with_name(self.path.name + ".partial")
        self._form = form
        self._file: RowFile
        self._done: set[bytes] = set()
        self._failed: set[bytes] = set()
        self._retried: set[bytes] = set()
        self._old_end = 0
        self._head = b""
        self._made = False
        self._written = 0
        with opening(self.partial):
            if resume:
                self._resume()
            else:
                self._begin(overwrite)

    @property
    def resumed(self) -> int:
        """How many files an earlier run had classified."""
        return len(self._done)

    def is_done(self, file: str) -> bool:
        """Return whether an earlier run classified the file."""
        return _mark(self._seen_as(file)) in self._done

    def write(self, row: Row) -> None:
        """Write one row."""
        mark = _mark(self._seen_as(row.file))
        if mark in self._failed:
            self._retried.add(mark)
        if not self._written:
            self._begin_rows()
        self._file.write(self._form.line(row))
        self._file.flush()
        self._written += 1

    def finish(self) -> None:
        """Make it permanent under its name."""
        if not self._written:
            self._begin_rows()
        if self._retried:
            self._drop_superseded()
        self._file.sync()
        self._file.close()
        with writing(repr(str(self.path))):
            self.partial.replace(self.path)

    def abandon(self) -> str | None:
        """Keep what there is for a later run; return where it is, None if nothing is there."""
        self._file.close()
        earlier = not self._made and (self._done or self._failed)
        if self._written or earlier:
            return str(self.partial)
        if self._made:
            self.partial.unlink(missing_ok=True)
        return None

    def _begin(self, overwrite: bool) -> None:
        if not overwrite:
            if self.path.exists():
                raise ConfigurationError(
                    f"{str(self.path)!r} exists: --resume goes on with it, --overwrite replaces it"
                )
            if self.partial.exists():
                raise ConfigurationError(
                    f"an earlier run left {str(self.partial)!r}: --resume goes on with it, "
                    "--overwrite starts anew"
                )
        self._made = not self.partial.exists()
        # What an earlier run left goes with the first row of this one.
        self._file = RowFile(self.partial, "wb" if self._made else "r+b")
        self._file.lock()
        self._head = self._form.head()

    def _begin_rows(self) -> None:
        """Make the file end where its next row goes, behind a head."""
        self._file.truncate(self._old_end)  # a row that a crash tore is not a row
        self._file.seek(self._old_end)
        self._file.write(self._head)
        self._old_end += len(self._head)

    def _resume(self) -> None:
        if not self.partial.exists() and not self.path.exists():
            self._begin(overwrite=False)
            return
        form = _resumable(self._form)
        self._made = not self.partial.exists()
        source = self.path if self._made else self.partial
        try:
            self._old_end, head_found = self._take_over(source, form)
        except ValueError as error:
            reason = f" ({error})" if str(error) else ""
            raise ConfigurationError(
                f"{str(source)!r} does not hold rows of the format asked for{reason}: "
                "resume with the --format of the first run"
            ) from error
        self._file = RowFile(self.partial, "r+b")
        self._file.lock()
        self._head = b"" if head_found else form.head()

    def _take_over(self, source: Path, form: Resumable) -> tuple[int, bool]:
        """Have the rows of ``source`` in the partial file, and take them in, as ``_read_old``."""
        foreign = is_foreign(source, form)
        if source == self.partial and not foreign:
            return self._read_old(source, form)
        with self._replacing() as copy:
            if foreign:
                restore(source, copy, form)
            else:
                shutil.copyfile(source, copy)
            return self._read_old(copy, form)

    @contextlib.contextmanager
    def _replacing(self) -> Iterator[Path]:
        """Open a new file, which replaces the partial one if all goes well."""
        new = self.partial.with_name(self.partial.name + ".new")
        try:
            yield new
            with writing(repr(str(self.partial))):
                new.replace(self.partial)
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise

    def _read_old(self, path: Path, form: Resumable) -> tuple[int, bool]:
        """Take in the rows; return where the last whole one ends, and if a head is there.

        Raises ValueError where these are no rows of the format.
        """
        head = form.head()
        with path.open("rb") as file:
            start = file.read(len(head))
            if start != head:
                if head.startswith(start):  # torn within the head, or empty
                    return 0, False
                raise ValueError
            end = file.tell()
            for line, whole in _records(file, form):
                if not whole:  # only the last one can be
                    break
                try:
                    name, classified = form.read(line)
                except ValueError as error:
                    raise ValueError from error  # what is wrong with the bytes helps nobody
                end += len(line)
                (self._done if classified else self._failed).add(_mark(name))
        # A later row of the same file decides.
        self._failed -= self._done
        return end, True

    def _drop_superseded(self) -> None:
        """Leave out the old rows of files that failed then and have a new row now."""
        form = _resumable(self._form)
        self._file.close()
        with (
            self._replacing() as copy,
            writing(repr(str(copy))),
            self.partial.open("rb") as old,
            RowFile(copy, "wb") as new,
        ):
            head = old.read(len(form.head()))
            new.write(head)
            position = len(head)
            for line, _ in _records(old, form):
                superseded = False
                if position < self._old_end:
                    name, classified = form.read(line)
                    superseded = not classified and _mark(name) in self._retried
                position += len(line)
                if not superseded:
                    new.write(line)
            new.sync()
        with writing(repr(str(self.partial))):
            self._file = RowFile(self.partial, "r+b")

    def _seen_as(self, file: str) -> str:
        """Return the name as a row read back has it: CSV keeps no bytes but UTF-8."""
        if isinstance(self._form, Csv):
            return file.encode("utf-8", "backslashreplace").decode("utf-8")
        return file


def _resumable(form: Format) -> Resumable:
    if isinstance(form, (JsonLines, Csv)):
        return form
    raise ConfigurationError("a table cannot be resumed: use --format csv or jsonl")


def _records(file: BinaryIO, form: Resumable) -> Iterator[tuple[bytes, bool]]:
    """Yield rows with their ends, and whether they are whole.

    A row is a line, but for CSV, whose quoted file names may hold line breaks.
    """
    record = b""
    for line in file:
        record += line
        quoted = isinstance(form, Csv) and record.count(b'"') % 2
        if not quoted and record.endswith(b"\n"):
            yield record, True
            record = b""
    if record:
        yield record, False


def _mark(name: str) -> bytes:
    """Return 15 bytes for a name, so that a million of them fit in memory; see ``sources``."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=15).digest()
