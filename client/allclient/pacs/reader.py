"""Classifies what has come, with retries that grow apart, and dead letters at their end."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from allclient import dicom, watching
from allclient.contract import ImageErrorCode
from allclient.errors import ImageError, ServerError
from allclient.pacs import answers, slides
from allclient.pacs.answers import Reading
from allclient.pacs.backoff import pause
from allclient.pacs.classes import SLIDES
from allclient.pacs.faults import place
from allclient.pacs.inbox import Inbox
from allclient.result import Result

_LOG: Final = logging.getLogger(__name__)

MAX_FRAMES: Final = 512
"""Frames of one object that are read; of more, the rest is named as not read."""

MAX_TRIES: Final = 8
"""Tries of an object that the server fails at. While nobody answers, none is counted."""

_BATCH: Final = 64

_DUE: Final = """
SELECT * FROM objects this WHERE state = 'received' AND due <= ? AND (
    sop_class != ?
    OR NOT EXISTS (SELECT 1 FROM objects WHERE study = this.study AND came > ?)
) ORDER BY came LIMIT ?
"""
"""A slide waits until its study is quiet: which level is read depends on which ones there are."""


class Classifier(Protocol):
    """What of ``allclient.Client`` is used here."""

    def classify(
        self, source: bytes, *, cells: bool = False, um_per_pixel: float | None = None
    ) -> Result:
        """Return the answer for one encoded image."""


class Reader:
    """Reads all that is due, once for each call of ``run``."""

    def __init__(
        self,
        inbox: Inbox,
        client: Classifier,
        *,
        in_flight: int,
        quiet_seconds: float,
        answered: Callable[[str, Result], object] = lambda peer, result: None,
    ) -> None:
        self._inbox = inbox
        self._client = client
        self._in_flight = in_flight
        self._quiet_seconds = quiet_seconds
        self._answered = answered

    def run(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Read what is due; return how many objects were settled."""
        settled = 0
        with ThreadPoolExecutor(self._in_flight, "allclient-pacs-read") as pool:
            while not stopped():
                now = time.time()
                rows = self._inbox.database.rows(
                    _DUE, now, SLIDES[0], now - self._quiet_seconds, _BATCH
                )
                if not rows:
                    break
                settled += sum(pool.map(self._read, rows))
        return settled

    def _read(self, row: sqlite3.Row) -> bool:
        try:
            is_slide = slides.is_slide(row)
            if is_slide and (why := slides.passed_over(self._inbox, row)):
                self._settle(row, "passed", why, None)
                return True
            with watching.step("pacs: read an object"):
                readings = self._slide(row) if is_slide else self._readings(row["key"])
        except ImageError as error:
            readings = [Reading(0, None, f"{error.code}: {error}")]
        except ServerError as error:
            self._again(row, f"{error.code}: {error}", counted=error.code not in _AWAY)
            return False
        except Exception as error:  # a fault of ours must not stop the rest
            self._again(row, place(error), counted=True)
            return False
        results = [reading.result for reading in readings if reading.result is not None]
        if results:
            self._settle(row, "read", "", answers.dumps(readings))
            for result in results:
                self._answered(row["peer"], result)
        else:
            self._settle(row, "refused", readings[0].reason, None)
        return True

    def _slide(self, row: sqlite3.Row) -> list[Reading]:
        def classify(field: bytes, um_per_pixel: float | None) -> Result:
            return self._client.classify(field, cells=True, um_per_pixel=um_per_pixel)

        return slides.readings(self._inbox, row, classify, in_flight=self._in_flight)

    def _readings(self, key: str) -> list[Reading]:
        try:
            data = self._inbox.path(key).read_bytes()
        except OSError as error:
            return [Reading(0, None, f"{ImageErrorCode.FILE_UNREADABLE.value}: {error.strerror}")]
        readings = []
        frame, frames = 0, 1
        while frame < min(frames, MAX_FRAMES):
            try:
                field = dicom.encoded_field(data, frame)
                frames = field.frames
                result = self._client.classify(
                    field.data, cells=True, um_per_pixel=field.um_per_pixel
                )
                readings.append(Reading(frame, result))
            except ImageError as error:
                readings.append(Reading(frame, None, f"{error.code}: {error}"))
            frame += 1
        if frames > MAX_FRAMES:
            reason = f"not read: the object has {frames} frames, the first {MAX_FRAMES} are read"
            readings.append(Reading(MAX_FRAMES, None, reason))
        return readings

    def _again(self, row: sqlite3.Row, reason: str, *, counted: bool) -> None:
        tries = row["tries"] + counted
        state = "dead" if tries >= MAX_TRIES else "received"
        _LOG.warning("%s could not be read (%s): %s", row["key"][:12], state, reason)
        with self._inbox.database.transaction() as connection:
            connection.execute(
                "UPDATE objects SET state = ?, tries = ?, due = ?, reason = ? WHERE key = ?",
                (state, tries, time.time() + pause(tries), reason, row["key"]),
            )

    def _settle(self, row: sqlite3.Row, state: str, reason: str, answer: str | None) -> None:
        if state == "refused":
            _LOG.warning("%s was refused: %s", row["key"][:12], reason.partition(":")[0])
        with self._inbox.database.transaction() as connection:
            connection.execute(
                "UPDATE objects SET state = ?, reason = ?, answer = ? WHERE key = ?",
                (state, reason, answer, row["key"]),
            )


_AWAY: Final = ("server_unavailable", "model_not_ready", "server_timeout")
"""Errors that say nothing of the image: it is tried until the server is back."""
