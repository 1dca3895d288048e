"""Samples the memory of the embedded server's processes, as the kernel counts it.

All in MB. Shared pages are divided among those that share them (proportional set size), so that the
processes' memory may be added up.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
from loads import tree

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  where POSIX shared memory is on Linux
STUB: Final = "triton_python_backend_stub"
TOTAL: Final = "total"
SHARED: Final = "dev_shm"


class Memory(NamedTuple):
    """The memory of one process."""

    pss: float
    shared: float
    """The part of ``pss`` that is shared memory, as between Triton and its stubs."""
    peak: float
    """The largest resident size so far, with all shared pages."""


class Sample(NamedTuple):
    """The memory of all processes at one moment."""

    requests: int
    """Answered so far."""
    processes: dict[str, Memory]
    """By name: ``tritonserver``, ``preprocess_0_1``."""
    dev_shm: float
    """What the server keeps in /dev/shm."""

    @property
    def total(self) -> float:
        """The memory of all processes together."""
        return sum(memory.pss for memory in self.processes.values())

    def as_json(self) -> dict[str, Any]:
        """Return the sample as plain values for JSON."""
        processes = {
            name: [round(value, 1) for value in memory] for name, memory in self.processes.items()
        }
        return {
            "requests": self.requests,
            TOTAL: round(self.total, 1),
            SHARED: round(self.dev_shm, 1),
            "processes": processes,
        }


def take(pid: int, requests: int) -> Sample:
    """Look at the server ``pid`` and its stubs now."""
    processes, regions = {}, set()
    for process in tree(pid):
        try:
            command = process.cmdline()
            memory = of(process.pid)
        except (psutil.NoSuchProcess, OSError):
            continue  # it has just ended
        if process.pid == pid:
            name = "tritonserver"
        elif command and Path(command[0]).name == STUB:
            name = command[8]
            regions.add(command[2])
        else:
            continue  # none of the server's models
        processes[name] = memory
    dev_shm = sum((SHARED_MEMORY / region).stat().st_blocks * 512 / 1e6 for region in regions)
    return Sample(requests, processes, dev_shm)


def of(pid: int) -> Memory:
    """Return the memory of one process now."""
    rollup = _fields(Path(f"/proc/{pid}/smaps_rollup"))
    status = _fields(Path(f"/proc/{pid}/status"))
    return Memory(rollup["Pss"], rollup["Pss_Shmem"], status["VmHWM"])


def _fields(path: Path) -> dict[str, float]:
    """Return the lines ``Name: NUMBER kB`` of a file of the kernel, in MB."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) * 1024 / 1e6 for line in lines if line[-1] == "kB"}


def growth(samples: list[Sample]) -> dict[str, tuple[float, float]]:
    """Return early and late memory: medians of the second and of the last fifth of the samples.

    Both are by name of the process, with "total" and "dev_shm". The first fifth is left to the
    warming up.
    """
    fifth = max(len(samples) // 5, 1)
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    names = list(dict.fromkeys(name for sample in samples for name in sample.processes))
    rows = {name: (_median(early, name), _median(late, name)) for name in (*names, TOTAL, SHARED)}
    return {name: (round(a, 1), round(b, 1)) for name, (a, b) in rows.items()}


def _median(samples: list[Sample], name: str) -> float:
    if name in (TOTAL, SHARED):
        return statistics.median(
            sample.total if name == TOTAL else sample.dev_shm for sample in samples
        )
    return statistics.median(
        sample.processes[name].pss for sample in samples if name in sample.processes
    )
