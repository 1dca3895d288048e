"""Limits how many bytes of images are in memory at once, however many images are in flight."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

BYTES_IN_FLIGHT: Final = 128 * 1024 * 1024
"""A larger image goes alone. One that is being sent takes six times its size: copies of NumPy,
protobuf and gRPC."""


class Budget:
    """A budget for threads. Holding more than the whole budget counts as holding all of it."""

    def __init__(self, total: int = BYTES_IN_FLIGHT) -> None:
        self._total = total
        self._left = total
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until so many bytes are free, and hold them for the block."""
        share = min(size, self._total)
        with self._changed:
            self._changed.wait_for(lambda: share <= self._left)
            self._left -= share
        try:
            yield
        finally:
            with self._changed:
                self._left += share
                self._changed.notify_all()


class AsyncBudget:
    """A budget for the tasks of one event loop."""

    def __init__(self, total: int = BYTES_IN_FLIGHT) -> None:
        self._total = total
        self._left = total
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Wait until so many bytes are free, and hold them for the block."""
        share = min(size, self._total)
        async with self._changed:
            await self._changed.wait_for(lambda: share <= self._left)
            self._left -= share
        try:
            yield
        finally:
            async with self._changed:
                self._left += share
                self._changed.notify_all()
