"""Opens ``Store``: a database and its files."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from allclient.errors import ConfigurationError
from allclient.store import database
from allclient.store.files import Files

DATABASE_VARIABLE: Final = "DATABASE_URL"


class Store:
    """The case store of a data folder.

    ``database_url`` is SQLAlchemy's address of a SQLite or PostgreSQL database; without it the
    database is ``store.sqlite`` in the folder. ``files_url`` is a folder or an fsspec address;
    without it the files are in ``files`` there. The tables are made or brought up to date.
    """

    def __init__(
        self, folder: Path, database_url: str | None = None, files_url: str | None = None
    ) -> None:
        self.folder = folder
        self.views = folder / "views"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not os.access(folder, os.W_OK):
                raise PermissionError("it cannot be written to")
        except OSError as error:
            raise ConfigurationError(
                f"the data folder {str(folder)!r} cannot be used: {error}; "
                "name another one with --data"
            ) from error
        self.engine: Engine = database.open_engine(
            database_url or f"sqlite:///{folder / 'store.sqlite'}"
        )
        self._writing = database.writing(self.engine)
        self._turn = threading.Lock()
        database.migrate(self.engine)
        self.files = Files(files_url or str(folder / "files"), folder / "incoming")
        self.files.sweep()

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that changes nothing; what it loaded stays readable after it."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session whose changes all happen at its end, or none. Writers take turns."""
        # The database has them wait as well, but SQLite lets who waits sleep and look again.
        with (
            self._turn,
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def forget_views(self, digest: str) -> None:
        """Remove the pictures for the screen that were made of a file."""
        for path in self.views.glob(f"{digest}*"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the database."""
        self.engine.dispose()
