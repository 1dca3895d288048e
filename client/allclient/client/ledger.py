"""Keeps the books of one stream of images: what was taken up, finished and handed over.

No thread, no event loop and no network here: ``stream.py`` and ``aio.py`` drive the same books,
each under its own kind of lock.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from allclient.errors import (
    ConfigurationError,
    ImageRejectedError,
    ModelNotReadyError,
    ServerError,
    ServerUnavailableError,
)
from allclient.result import Outcome

FATAL: Final = (ServerUnavailableError, ModelNotReadyError, ConfigurationError)
"""Errors that the next image would meet too: the stream stops instead of repeating them."""

_AHEAD: Final = 2
"""Finished outcomes may wait for a slow one before them, up to this many times in_flight."""

_MIN_PATIENCE: Final = 16
"""Server errors in a row, without one answer between them, before the stream gives up."""


class Ledger:
    """The books of bounded work in flight, of its order, and of when to give up.

    ``in_flight`` images are worked on at once. No more than twice as many are taken from the
    source before their outcomes are taken away, so memory stays flat however long the source.
    """

    def __init__(self, *, ordered: bool, in_flight: int) -> None:
        if not isinstance(in_flight, int) or in_flight < 1:
            raise ConfigurationError(
                f"in_flight must be at least 1 and a whole number, not {in_flight!r}"
            )
        self._ordered = ordered
        self._window = in_flight * _AHEAD
        self._patience = max(_MIN_PATIENCE, in_flight * 2)
        self._begun = 0
        self._at_work: set[int] = set()
        self._reading: set[int] = set()
        self._handed_over = 0
        self._finished: dict[int, Outcome] = {}
        self._arrived: deque[int] = deque()
        self.exhausted = False
        self._server_errors = 0
        self._abandoned = 0
        self.stopped = False
        self.failure: BaseException | None = None

    @property
    def may_begin(self) -> bool:
        """Whether there is room to take another image from the source."""
        waiting = self._begun - self._abandoned - self._handed_over
        return waiting < self._window

    @property
    def over(self) -> bool:
        """Whether nothing more will finish; what has finished may still be there to take."""
        return (self.stopped or self.exhausted) and not self._at_work

    def begin(self) -> int:
        """Note that an image is taken up; return its number."""
        number = self._begun
        self._begun += 1
        self._at_work.add(number)
        self._reading.add(number)
        return number

    def has_read(self, number: int) -> bool:
        """Note that the image is in memory; return False if the stream stopped without it."""
        self._reading.discard(number)
        return number in self._at_work

    def exhaust(self, failure: BaseException | None = None) -> None:
        """Note that the source has no more, or failed; what is in flight goes on."""
        self.exhausted = True
        self.failure = self.failure or failure

    def stop(self, failure: BaseException | None = None) -> None:
        """Begin no more, and wait for no file: a pipe or a dead network folder may never answer."""
        self.stopped = True
        self.failure = self.failure or failure
        for number in tuple(self._reading):
            self.abandon(number)

    def abandon(self, number: int) -> None:
        """Note that the image has no outcome, since the stream ended first."""
        if number in self._at_work:
            self._at_work.remove(number)
            self._reading.discard(number)
            self._abandoned += 1

    def settle(self, number: int, outcome: Outcome) -> None:
        """Note the outcome of an image."""
        if number not in self._at_work:
            return  # abandoned meanwhile
        self._at_work.remove(number)
        self._reading.discard(number)
        self._finished[number] = outcome
        if not self._ordered:
            self._arrived.append(number)
        if isinstance(outcome.error, ServerError):
            self._server_errors += 1
            if self._server_errors >= self._patience:
                # Every image of a long list would fail the same way, each after its timeout.
                self.stop(outcome.error)
        elif outcome.result is not None or isinstance(outcome.error, ImageRejectedError):
            self._server_errors = 0

    def take(self) -> Outcome | None:
        """Return the next outcome to hand over, or None while there is none."""
        number = self._next()
        if number is None:
            return None
        self._handed_over += 1
        return self._finished.pop(number)

    def _next(self) -> int | None:
        if not self._finished:
            return None
        if not self._ordered:
            return self._arrived.popleft()
        # Numbers without an outcome are only jumped over once nothing can fill them any more.
        first = min(self._finished) if self.over else self._handed_over
        return first if first in self._finished else None
