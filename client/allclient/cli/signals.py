"""Ctrl-C and SIGTERM while images are in flight: stop, keep what was finished, then leave."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Protocol

from allclient.cli import codes


class Stoppable(Protocol):
    def stop(self) -> None: ...


class StopSignals:
    """Turns the first signal into ``stop()`` of what is being done; a second one ends at once.

    Before ``watch`` a signal is an exception, which unwinds what was begun, such as the embedded
    server. A handler that raised in the middle of the loop could tear a row in two.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._watched: Stoppable | None = None
        self._before: dict[int, object] = {}

    @property
    def exit_code(self) -> int:
        return codes.TERMINATED if self.received == signal.SIGTERM else codes.INTERRUPTED

    def watch(self, work: Stoppable) -> None:
        self._watched = work

    def __enter__(self) -> StopSignals:
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
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned

    def _handle(self, number: int, _: FrameType | None) -> None:
        first, self.received = self.received is None, number
        if self._watched is None or not first:
            if number == signal.SIGTERM:
                raise SystemExit(codes.TERMINATED)
            raise KeyboardInterrupt
        # Not here: the interrupted main thread may hold the very locks that stopping takes.
        threading.Thread(target=self._watched.stop, daemon=True).start()
