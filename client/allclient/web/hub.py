"""Tells open pages what becomes of the fields of their case, from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

Event = dict[str, Any]

_WAITING_EVENTS: Final = 1000
"""Events that a page may be behind; a slower one misses some and shows them when reloaded."""

CLOSED: Final[Event] = {"event": "closed"}


class Hub:
    """The pages that are open, and what they listen to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._queues: dict[asyncio.Queue[Event], tuple[int, asyncio.AbstractEventLoop]] = {}

    def publish(self, case_id: int, event: Event) -> None:
        """Tell every page that shows the case."""
        with self._lock:
            listening = [(q, loop) for q, (case, loop) in self._queues.items() if case == case_id]
        for queue, loop in listening:
            loop.call_soon_threadsafe(_put, queue, event)

    @contextmanager
    def listening(self, case_id: int) -> Iterator[asyncio.Queue[Event]]:
        """Open a queue of what is published about a case, for as long as the block lasts."""
        queue: asyncio.Queue[Event] = asyncio.Queue(_WAITING_EVENTS)
        with self._lock:
            self._queues[queue] = (case_id, asyncio.get_running_loop())
            if self._closed:
                queue.put_nowait(CLOSED)
        try:
            yield queue
        finally:
            with self._lock:
                del self._queues[queue]

    def close(self) -> None:
        """End every page's stream: the server can stop only when they are gone."""
        with self._lock:
            self._closed = True
            listening = [(queue, loop) for queue, (_, loop) in self._queues.items()]
        for queue, loop in listening:
            loop.call_soon_threadsafe(_put, queue, CLOSED)


def _put(queue: asyncio.Queue[Event], event: Event) -> None:
    if event is CLOSED and queue.full():
        queue.get_nowait()
    if not queue.full():
        queue.put_nowait(event)
