"""Keeps entries of a run on disk, a line each: the files made at the end are made of them.

Memory stays flat however many fields a run has, and a run that was stopped can go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from allclient.errors import ConfigurationError
from allclient.report.entry import Entry, read_entry
from allclient.report.rowfile import RowFile, opening, writing


class Journal:
    """A file of entries.

    Raises:
        OutputError: it cannot be written, now or later.
        ConfigurationError: an earlier run left one, and neither ``overwrite`` nor ``resume`` says
            what to do with it.
    """

    def __init__(
        self, path: Path, *, overwrite: bool = False, resume: Callable[[str], bool] | None = None
    ) -> None:
        """Open the file; ``resume`` knows the files that are done: other entries are dropped."""
        self.path = path
        self.resumed = 0
        self._written = False
        self._made = not path.exists()
        if not self._made and not overwrite and resume is None:
            raise ConfigurationError(
                f"an earlier run left {str(path)!r}: --resume goes on with it, "
                "--overwrite starts anew"
            )
        with opening(path):
            if resume is not None and not self._made:
                self._keep(resume)
            self._file = RowFile(path, "wb" if self._made else "r+b")
            self._file.seek(path.stat().st_size)

    def append(self, entry: Entry) -> None:
        """Write an entry at the end."""
        if not self._written and not self.resumed:
            self._file.truncate(0)  # what an earlier run left goes with the first entry
            self._file.seek(0)
        self._written = True
        self._file.write(entry.line())

    def entries(self) -> Iterator[Entry]:
        """Yield every entry, in order.

        Raises:
            OutputError: the file cannot be read back.
        """
        if not self._written and not self.resumed:
            return
        with writing(repr(str(self.path))), self.path.open("rb") as file:
            for line in file:
                yield read_entry(line)

    def abandon(self) -> str | None:
        """Keep what there is for a later run; return where, None if there is nothing."""
        self._file.close()
        if self._written or self.resumed:
            return str(self.path)
        if self._made:
            self.remove()
        return None

    def remove(self) -> None:
        """Delete the file; a second call does nothing."""
        self._file.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _keep(self, done: Callable[[str], bool]) -> None:
        new = self.path.with_name(self.path.name + ".new")
        try:
            with self.path.open("rb") as old, RowFile(new, "wb") as copy:
                for line in old:
                    if not line.endswith(b"\n"):
                        break  # torn by a crash
                    if done(read_entry(line).row.file):
                        copy.write(line)
                        self.resumed += 1
                copy.sync()
            new.replace(self.path)
        except ValueError as error:
            raise ConfigurationError(
                f"{str(self.path)!r} does not hold the entries of an earlier run: --overwrite "
                "starts anew"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
