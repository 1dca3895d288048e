"""Waits for what comes about in its own time, for tests of threads, processes and servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 240.0
"""Seconds: far more than anything takes, as a machine may be busy with other things."""


def until(ask: Callable[[], T], what: str, *, seconds: float = PATIENCE) -> T:
    """Return the first true answer; ``what`` is named if none came."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what} did not come about within {seconds:.0f} s"
        time.sleep(0.02)
    return answer
