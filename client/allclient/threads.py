"""Provides threads: for what may never return, and for what runs beside a block of code."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

from allclient.errors import ConfigurationError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class DaemonThreads:
    """A pool of threads for which nobody waits, not even the end of the program.

    Threads start as they are needed, ``count`` at most, and end after ``close()``.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._lock = threading.Lock()
        self._started = 0
        self._unfinished = 0
        self._closed = False
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def submit(
        self, function: Callable[_P, _T], /, *arguments: _P.args, **options: _P.kwargs
    ) -> Future[_T]:
        """Call a function in one of the threads; return its future.

        Raises:
            ConfigurationError: the pool is closed, or this machine has no thread left.
        """
        future: Future[_T] = Future()

        def call() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*arguments, **options))
                except BaseException as error:
                    future.set_exception(error)

        with self._lock:
            if self._closed:
                raise ConfigurationError("this client is closed")
            if self._unfinished >= self._started < self._count:
                self._start()
            self._unfinished += 1
        self._calls.put(call)
        return future

    def close(self) -> None:
        """Let the threads end once they have done what was submitted before."""
        with self._lock:
            self._closed = True
            for _ in range(self._started):
                self._calls.put(None)

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError as error:  # "can't start new thread"
            if self._started == 0:
                raise no_thread() from error
        else:
            self._started += 1

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            call = None  # what it holds, such as an image, is not kept until the next
            with self._lock:
                self._unfinished -= 1


@contextlib.contextmanager
def beside(work: Callable[[threading.Event], None], name: str) -> Iterator[None]:
    """Run ``work`` in a thread for as long as the block lasts.

    It gets an event that is set at the end of the block, which then waits for it.
    """
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,), name=name)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def no_thread() -> ConfigurationError:
    """Return the error for a machine that has no thread left for this process."""
    return ConfigurationError(
        "no thread can be started: a limit of this machine is reached, of threads and processes "
        "(ulimit -u) or of memory"
    )
