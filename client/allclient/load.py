"""Runs a closed loop of load: so many requests in flight, each sent when one is answered.

The load is whatever ``send`` does, so one clock and one way of counting hold for every server that
is measured with it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allclient.errors import AllclientError, ConfigurationError

Send = Callable[[int], object]
"""Sends request ``number`` and waits for its answer; AllclientError where there is none."""

_MAX_WAIT = 0.2
"""Seconds that Ctrl-C may be left unnoticed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one load. Only requests that were answered within the window count."""

    concurrency: int
    seconds: float
    """Length of the window."""
    latencies: npt.NDArray[np.float64]
    """float64 [answered], seconds from sending to the answer, rising."""
    errors: dict[str, int]
    """Requests that failed in the window, by code of the error."""
    cpu_seconds: float
    """Processor time of this process, all threads, in the window."""

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return len(self.latencies)

    @property
    def failed(self) -> int:
        """How many requests ended in an error."""
        return sum(self.errors.values())

    @property
    def throughput(self) -> float:
        """The answers a second."""
        return self.answered / self.seconds

    @property
    def cpu_share(self) -> float:
        """How many processors this process kept busy. Near 1, Python itself may be the limit."""
        return self.cpu_seconds / self.seconds

    def latency_ms(self, percentile: float) -> float | None:
        """Return a percentile of the latencies in milliseconds; None if nothing was answered."""
        if not self.answered:
            return None
        return float(np.percentile(self.latencies, percentile)) * 1000

    def as_json(self) -> dict[str, object]:
        """Return the load as plain values for JSON."""
        return {
            "concurrency": self.concurrency,
            "seconds": round(self.seconds, 3),
            "answered": self.answered,
            "images_per_second": round(self.throughput, 3),
            **{f"p{p}_ms": _rounded(self.latency_ms(p)) for p in (50, 90, 99)},
            "errors": self.errors,
            "client_cpu": round(self.cpu_share, 4),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


class _Window:
    """What the threads write into while it is open."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opens = self.closes = float("inf")
        self.numbers = 0
        self.latencies: list[float] = []
        self.errors: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self.stop = threading.Event()

    def number(self) -> int:
        with self.lock:
            self.numbers += 1
            return self.numbers - 1

    def note(self, begun: float, code: str | None) -> None:
        ended = time.perf_counter()
        with self.lock:
            if not self.opens <= ended < self.closes:
                return
            if code is None:
                self.latencies.append(ended - begun)
            else:
                self.errors[code] += 1

    def work(self, send: Send) -> None:
        while not self.stop.is_set():
            number = self.number()
            begun = time.perf_counter()
            try:
                send(number)
            except AllclientError as error:
                self.note(begun, error.code)
            except BaseException as error:
                self.failure = error
                self.stop.set()
            else:
                self.note(begun, None)


def closed_loop(
    connect: Callable[[], Send], *, concurrency: int, seconds: float, warmup: float = 1.0
) -> Load:
    """Keep ``concurrency`` requests in flight, to warm up and then to measure, in seconds.

    ``connect`` is called once for each of the threads, so that a sender may own a connection. An
    error that is no AllclientError ends the load and is raised.
    """
    if concurrency < 1 or seconds <= 0 or warmup < 0:
        raise ConfigurationError(
            f"a load needs a concurrency of 1 or more, seconds above 0 and a warm-up of 0 or more; "
            f"found {concurrency}, {seconds:g} and {warmup:g}"
        )
    window = _Window()
    senders = [connect() for _ in range(concurrency)]
    threads = [
        threading.Thread(target=window.work, args=(send,), daemon=True, name="allclient-load")
        for send in senders
    ]
    for thread in threads:
        thread.start()
    try:
        _wait(window, warmup)
        cpu = time.process_time()
        opened = time.perf_counter()
        window.closes = opened + seconds
        window.opens = opened
        _wait(window, seconds)
        cpu = time.process_time() - cpu
    finally:
        window.stop.set()
    for thread in threads:
        thread.join()
    if window.failure is not None:
        raise window.failure
    return Load(concurrency, seconds, np.sort(window.latencies), dict(window.errors), cpu)


def _wait(window: _Window, seconds: float) -> None:
    deadline = time.perf_counter() + seconds
    while (left := deadline - time.perf_counter()) > 0 and window.failure is None:
        window.stop.wait(min(left, _MAX_WAIT))
