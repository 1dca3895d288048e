"""Keeps what has come, what was read, what was sent: in SQLite, every commit synced.

objects  one row a received SOP instance: received, then read, refused or dead, or passed, a level
         of a slide that is not read since another is; ``pixels`` is 0 once its pixels were removed
reports  one row a report of a study: due, then built
exports  one row an object to send: waiting, then sent, then (where asked) committed; or dead;
         or replaced, a signed result that a later one has overtaken

``dead`` rows are the dead letters: tried often enough, and left for a person to look at.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from allclient.errors import ConfigurationError
from allclient.pacs.disk import DiskFullError

VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE objects (
    key TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    study TEXT NOT NULL,
    sop_class TEXT NOT NULL,
    peer TEXT NOT NULL,
    came REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'received',
    tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    answer TEXT,
    report TEXT,
    pixels INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX objects_by_state ON objects (state, due);
CREATE INDEX objects_by_study ON objects (study, state);
CREATE INDEX objects_unreported ON objects (study) WHERE state = 'read' AND report IS NULL;
CREATE TABLE reports (
    uid TEXT PRIMARY KEY,
    study TEXT NOT NULL,
    made REAL NOT NULL,
    predecessor TEXT,
    state TEXT NOT NULL DEFAULT 'due',
    tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE TABLE exports (
    instance TEXT NOT NULL,
    target TEXT NOT NULL,
    sop_class TEXT NOT NULL,
    report TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (instance, target)
);
CREATE INDEX exports_by_state ON exports (state, due);
"""


class Database:
    """Two connections, shared by all threads; each transaction is on disk when it has ended.

    One writes and one reads, so that no query waits for a write to be synced.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        try:
            self._connection = _connect(path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._prepare(path)
            self._reader = _connect(path)
        except sqlite3.Error as error:
            raise ConfigurationError(f"the queue {str(path)!r} cannot be used: {error}") from error

    def _prepare(self, path: Path) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._connection.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
            )
        elif version != VERSION:
            raise ConfigurationError(
                f"the queue {str(path)!r} was made by another version of allclient ({version})"
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all of the block or nothing. Raises DiskFullError if there is no room."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.OperationalError as error:
                if "full" in str(error) or "disk I/O" in str(error):
                    raise DiskFullError from error
                raise

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Return the rows of a query over all that is on disk."""
        with self._reading:
            return self._reader.execute(query, values).fetchall()

    def close(self) -> None:
        """Close both connections."""
        with self._reading:
            self._reader.close()
        with self._lock:
            self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
    connection.row_factory = sqlite3.Row
    return connection
