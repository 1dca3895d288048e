"""Heeds Ctrl-C and SIGTERM, whatever the command waits for: what was finished is kept."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final, ParamSpec, Protocol, TypeVar

from allclient.cli import codes, streams
from allclient.threads import DaemonThreads, no_thread

_P = ParamSpec("_P")
_T = TypeVar("_T")

_STEP: Final = 0.2
"""Seconds between two looks whether a signal has come."""

_PATIENCE: Final = 2.0
"""Seconds that writes and searches may still take, all together, once a signal has come."""


class Stoppable(Protocol):
    """Work that can be stopped."""

    def stop(self) -> None:
        """Stop the work; what was finished is kept."""


class StopSignals:
    """Turns the first signal into ``stop()`` of the work; a second one ends at once.

    Before ``watch`` a signal is an exception, which unwinds what was begun, such as the embedded
    server. A handler that raised in the middle of the loop could tear a row in two.

    Python runs a handler in the main thread alone, between two of its steps. What may never return
    (a dead network folder, a pipe that nobody reads) therefore goes through ``call``.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._watched = False
        self._stop: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._before: dict[int, object] = {}
        self._threads = DaemonThreads(1, "allclient-files")
        self._patience = _PATIENCE

    @property
    def exit_code(self) -> int:
        """The exit code of a run that a signal ended."""
        return codes.TERMINATED if self.received == signal.SIGTERM else codes.INTERRUPTED

    def watch(self, work: Stoppable) -> None:
        """Let the first signal stop ``work`` from now on."""

        def stop() -> None:
            if self._stop.get():
                work.stop()

        # Not in the handler: the interrupted main thread may hold the very locks that stopping
        # takes. And before it, since a thread that is needed then may not be had.
        try:
            threading.Thread(target=stop, name="allclient-stop", daemon=True).start()
        except RuntimeError as error:
            raise no_thread() from error
        self._watched = True

    def call(self, function: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs) -> _T:
        """Call a function in another thread, in turn, and wait for it.

        After a signal it waits only for a short while.
        """
        future = self._threads.submit(function, *arguments, **options)
        while not future.done():
            with contextlib.suppress(TimeoutError):
                future.exception(_STEP)
            if self.received is not None and not future.done():
                self._patience -= _STEP
                if self._patience < 0:
                    raise SystemExit(self.exit_code)
        return future.result()

    def __enter__(self) -> StopSignals:
        streams.STOPPING.clear()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.put(False)
        self._threads.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned

    def _handle(self, number: int, _: FrameType | None) -> None:
        first, self.received = self.received is None, number
        streams.STOPPING.set()
        if not self._watched or not first:
            if number == signal.SIGTERM:
                raise SystemExit(codes.TERMINATED)
            raise KeyboardInterrupt
        self._stop.put(True)
