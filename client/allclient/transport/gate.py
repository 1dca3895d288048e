"""Lets calls through together, or one of them alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakKeyDictionary

from allclient.transport.cancellation import Cancellation


class _Count:
    """Who is inside. One that waits to be alone comes before those that come after it."""

    def __init__(self) -> None:
        self.inside = 0
        self.alone = False
        self.waiting_alone = 0

    def open_to(self, alone: bool) -> bool:
        if alone:
            return self.inside == 0
        return not self.alone and self.waiting_alone == 0

    def enter(self, alone: bool) -> None:
        self.inside += 1
        self.alone = alone

    def leave(self) -> None:
        self.inside -= 1
        self.alone = False


class Gate:
    """A gate for threads."""

    def __init__(self) -> None:
        self._count = _Count()
        self._changed = threading.Condition()

    @contextmanager
    def passing(self, alone: bool, cancellation: Cancellation) -> Iterator[None]:
        """Wait for admission; the block is inside.

        Raises:
            CancelledError: it was cancelled.
        """
        with cancellation.guard(self._wake), self._changed:
            self._count.waiting_alone += alone
            try:
                self._changed.wait_for(lambda: cancellation.cancelled or self._count.open_to(alone))
            finally:
                self._count.waiting_alone -= alone
            if cancellation.cancelled:
                self._changed.notify_all()
                raise CancelledError
            self._count.enter(alone)
        try:
            yield
        finally:
            with self._changed:
                self._count.leave()
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class _LoopGate:
    """A gate of one event loop, without a lock, so that leaving never waits."""

    def __init__(self) -> None:
        self.count = _Count()
        self._waiting: set[asyncio.Future[None]] = set()

    async def until_open_to(self, alone: bool) -> None:
        while not self.count.open_to(alone):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.add(turn)
            try:
                await turn
            finally:
                self._waiting.discard(turn)

    def wake(self) -> None:
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)


class AsyncGate:
    """A gate for tasks; those of one event loop see each other."""

    def __init__(self) -> None:
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopGate] = WeakKeyDictionary()

    @asynccontextmanager
    async def passing(self, alone: bool) -> AsyncIterator[None]:
        """Wait for admission; the block is inside."""
        gate = self._gates.setdefault(asyncio.get_running_loop(), _LoopGate())
        gate.count.waiting_alone += alone
        try:
            await gate.until_open_to(alone)
        finally:
            gate.count.waiting_alone -= alone
            gate.wake()
        gate.count.enter(alone)
        try:
            yield
        finally:
            gate.count.leave()
            gate.wake()
