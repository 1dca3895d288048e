"""Keeps received objects on disk and in the queue before the sender hears of success."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allclient.errors import ConfigurationError
from allclient.pacs import config, disk
from allclient.pacs.config import Config
from allclient.pacs.database import Database
from allclient.pacs.deidentify import Deidentifier
from allclient.pacs.received import Received
from allclient.pacs.uids import key_of

MEGABYTE: Final = 1024 * 1024

_INSERT: Final = """
INSERT OR IGNORE INTO objects (key, instance, study, sop_class, peer, came)
VALUES (?, ?, ?, ?, ?, ?)
"""


class Inbox:
    """The folder of the gateway: ``objects/``, ``results/`` and ``queue.sqlite``.

    Only one gateway may work on a folder: ``lock`` makes sure.
    """

    def __init__(
        self, folder: Path, *, min_free_mb: int = 1, deidentify: str = config.IDENTIFIED
    ) -> None:
        self.folder = folder
        self.objects = folder / "objects"
        self.results = folder / "results"
        self._least_free = min_free_mb * MEGABYTE
        try:
            for path in (folder, self.objects, self.results):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"node.folder {str(folder)!r} cannot be made: {error.strerror}"
            ) from error
        self.database = Database(folder / "queue.sqlite")
        self._deidentify: Deidentifier | None = None
        if deidentify != config.IDENTIFIED:
            self._deidentify = Deidentifier(folder, keep_uids=deidentify == config.KEEP_UIDS)
        self._queue = _Queue(self.database)
        self._lock: int | None = None
        self._turns = [threading.Lock() for _ in range(16)]

    @classmethod
    def of(cls, settings: Config) -> Inbox:
        """Return the inbox of a configuration, with all that it says of objects that come."""
        node = settings.node
        return cls(node.folder, min_free_mb=node.min_free_mb, deidentify=node.deidentify)

    def lock(self) -> None:
        """Take the folder, and clear what a crash left. Raises ConfigurationError if it is taken.

        Ends with the process, however that ends.
        """
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise ConfigurationError(
                f"another gateway works on the folder {str(self.folder)!r}"
            ) from error
        self._lock = descriptor
        for folder in (self.objects, self.results):
            for part in folder.rglob("*" + disk.PART):
                part.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the database, and let the folder go."""
        self.database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def path(self, key: str) -> Path:
        """Return where the object with this key lies."""
        return self.objects / key[:2] / f"{key}.dcm"

    def result_path(self, instance: str) -> Path:
        """Return where the result with this SOP Instance UID lies."""
        return self.results / f"{key_of(instance)}.dcm"

    def keep(self, received: Received, data: bytes) -> bool:
        """Keep an object; return False if this SOP instance has come before.

        It is on disk and in the queue when this returns, de-identified if that is configured.
        Raises DiskFullError, OSError and IdentifiedError; then nothing of it is left.
        """
        if self._deidentify is not None:
            received, data = self._deidentify(received, data)
        key = key_of(received.instance)
        with self._turns[int(key[:1], 16)]:  # the same object may come on two associations at once
            return self._keep(key, received, data)

    def _keep(self, key: str, received: Received, data: bytes) -> bool:
        if self.database.rows("SELECT 1 FROM objects WHERE key = ?", key):
            return False
        disk.check_room(self.folder, self._least_free + len(data))
        path = self.path(key)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            disk.sync(self.objects)
        disk.write(path, data)
        try:
            self._queue.add(key, received)
        except disk.DiskFullError:
            path.unlink(missing_ok=True)
            raise
        return True


class _Queue:
    """Puts objects into the queue; one sync to disk serves all that wait for one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._adding = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Entry] = []

    def add(self, key: str, received: Received) -> None:
        """Return once the object is in the queue. Raises what keeps it out."""
        names = (received.instance, received.study, received.sop_class, received.peer)
        entry = _Entry((key, *names, time.time()))
        with self._adding:
            self._waiting.append(entry)
        with self._turn:
            if not entry.settled:  # by whoever had the turn before
                self._add_all()
        if entry.error is not None:
            raise entry.error

    def _add_all(self) -> None:
        with self._adding:
            entries, self._waiting = self._waiting, []
        error: Exception | None = None
        try:
            with self._database.transaction() as connection:
                connection.executemany(_INSERT, [entry.values for entry in entries])
        except Exception as caught:
            error = caught
        for entry in entries:
            entry.settled, entry.error = True, error


@dataclass(slots=True)
class _Entry:
    """A row that waits, and what became of it."""

    values: tuple[str | float, ...]
    settled: bool = False
    error: Exception | None = None
