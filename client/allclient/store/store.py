"""Opens ``Store``: a database and its files."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from allclient.errors import ConfigurationError
from allclient.store import database, folders
from allclient.store.files import Files

DATABASE_VARIABLE: Final = "DATABASE_URL"


def _no_store(folder: Path) -> ConfigurationError:
    return ConfigurationError(f"there is no store in {str(folder)!r}; name its folder with --data")


class Store:
    """The case store of a data folder.

    ``database_url`` is SQLAlchemy's address of a SQLite or PostgreSQL database; without it the
    database is ``store.sqlite`` in the folder. ``files_url`` is a folder or an fsspec address;
    without it the files are in ``files`` there. The tables are made or brought up to date. Without
    ``make`` a folder that holds no store is refused.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str | None = None,
        files_url: str | None = None,
        *,
        make: bool = True,
    ) -> None:
        self.folder = folder
        self.views = folder / "views"
        place = folder / "store.sqlite"
        if not make and not folder.is_dir():
            raise _no_store(folder)
        folders.require_writable(folder, "--data")
        if not make and not database_url and not place.exists():
            raise _no_store(folder)
        self.engine: Engine = database.open_engine(database_url or f"sqlite:///{place}")
        self._writing = database.writing(self.engine)
        self._turn = threading.Lock()
        database.migrate(self.engine)
        for part in (self.views, folder / "incoming"):
            folders.require_writable(part, "--data")
        self.files = Files(files_url or str(folder / "files"), folder / "incoming")
        self.files.require_writable()
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
