"""Ends calls from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancellation:
    """A switch: once ``cancel()`` was called, guarded calls are ended and waits return."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._calls: set[Callable[[], object]] = set()

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel()`` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """End every guarded call and every wait."""
        with self._lock:
            self._event.set()
            calls, self._calls = self._calls, set()
        for end in calls:
            end()

    def wait(self, seconds: float) -> bool:
        """Sleep so many seconds; return True at once when cancelled."""
        return self._event.wait(seconds)

    @contextmanager
    def guard(self, end: Callable[[], object]) -> Iterator[None]:
        """Call ``end`` when cancelled before the block is left, or already."""
        with self._lock:
            late = self._event.is_set()
            if not late:
                self._calls.add(end)
        if late:
            end()
        try:
            yield
        finally:
            with self._lock:
                self._calls.discard(end)
