"""Watches the memory of the server's processes, and of the clients', while they work."""

from __future__ import annotations

import os
import statistics
import time
from typing import Any, Final

import memory_samples

CLIENTS: Final = "clients"


class Curve:
    """The memory of each process over the time of one load.

    ``rows`` has one dictionary for each moment, in MB: that of ``memory_samples`` with the minute,
    and with the process of the clients, which "total" leaves out.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._begun = time.monotonic()
        self.rows: list[dict[str, Any]] = []

    def take(self, requests: int) -> None:
        """Look at all processes now, after so many requests."""
        row = memory_samples.take(self._pid, requests).as_json()
        row["processes"] = {name: values[0] for name, values in row["processes"].items()}
        clients = round(memory_samples.of(os.getpid()).pss, 1)
        minute = round((time.monotonic() - self._begun) / 60, 2)
        self.rows.append({"minute": minute, **row, CLIENTS: clients})

    @property
    def early_and_late(self) -> tuple[float, float]:
        """Return the medians of all server processes together, in the second and the last fifth."""
        totals = [row[memory_samples.TOTAL] for row in self.rows]
        fifth = max(len(totals) // 5, 1)
        return statistics.median(totals[fifth : 2 * fifth]), statistics.median(totals[-fifth:])
