"""Removes pixels that are no longer needed: images are kept as briefly as asked."""

from __future__ import annotations

import io
import logging
import sqlite3
import time
from typing import Final

import pydicom

from allclient.pacs import disk
from allclient.pacs.config import Config
from allclient.pacs.inbox import Inbox

_LOG: Final = logging.getLogger(__name__)

EVERY: Final = 600.0
"""Seconds between two looks."""

_DAY: Final = 86400.0

_DONE: Final = """
SELECT * FROM objects
WHERE pixels = 1 AND came <= ? AND (
    state IN ('refused', 'passed')
    OR state = 'read' AND report IN (SELECT uid FROM reports WHERE state = 'built')
    AND report NOT IN (
        SELECT report FROM exports
        WHERE state NOT IN ('committed', 'sent') OR (? AND target = 'peer' AND state = 'sent')
    )
)
"""


class Retention:
    """Removes, every ten minutes, what is old enough and safe elsewhere."""

    def __init__(self, config: Config, inbox: Inbox) -> None:
        self._config = config
        self._inbox = inbox
        self._next = 0.0

    def run(self) -> int:
        """Remove what may go; return how many objects lost their pixels."""
        if time.monotonic() < self._next:
            return 0
        self._next = time.monotonic() + EVERY
        before = time.time() - self._config.node.keep_pixels_days * _DAY
        rows = self._inbox.database.rows(_DONE, before, self._config.export.storage_commitment)
        for row in rows:
            self._strip(row)
        if rows:
            _LOG.info("removed the pixels of %d objects", len(rows))
        return len(rows)

    def _strip(self, row: sqlite3.Row) -> None:
        """Leave the header, which a later report of the study needs, and no picture."""
        path = self._inbox.path(row["key"])
        if row["state"] in ("refused", "passed"):
            path.unlink(missing_ok=True)
        else:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            file = io.BytesIO()
            header.save_as(file, enforce_file_format=True)
            disk.write(path, file.getvalue())
            self._remove_pictures(row["report"])
        with self._inbox.database.transaction() as connection:
            connection.execute("UPDATE objects SET pixels = 0 WHERE key = ?", (row["key"],))

    def _remove_pictures(self, report: str) -> None:
        for made in self._inbox.database.rows(
            "SELECT instance FROM exports WHERE report = ? AND kind = 'picture'", report
        ):
            self._inbox.result_path(made["instance"]).unlink(missing_ok=True)
