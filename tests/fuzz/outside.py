"""Sends mutated files through a real server: finds deaths, hangs, times and memory."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import psutil
import tritonclient.grpc as triton

from tests.fuzz.mutants import mutant

MODEL = "preprocess"


def run(
    address: str, numbers: range, workers: int, limit: float, pid: int | None
) -> dict[str, Any]:
    """Outcomes, times and the memory of the process tree below ``pid``, where that is known."""
    outcomes: Counter[str] = Counter()
    unplanned: dict[int, str] = {}
    times: list[tuple[float, int]] = []
    memory = Memory(pid)
    local = threading.local()

    def send(number: int) -> None:
        if not hasattr(local, "client"):
            local.client = triton.InferenceServerClient(address)
        image = triton.InferInput("IMAGE", [1, 1], "BYTES")
        image.set_data_from_numpy(np.array([[mutant(number).data]], dtype=np.object_))
        begun = time.perf_counter()
        try:
            local.client.infer(MODEL, [image], client_timeout=limit)
            outcome = "answered"
        except triton.InferenceServerException as error:
            text = str(error.message())
            code = re.match(r"\[(image_\w+)\] \S", text)
            outcome = code[1] if code else "unplanned"
            if not code:
                unplanned[number] = text[:300]
        times.append((time.perf_counter() - begun, number))
        outcomes[outcome] += 1

    with memory, ThreadPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(send, numbers), 1):
            if done % 1000 == 0:
                memory.note(done)
    times.sort()
    seconds = [one for one, _ in times]
    return {
        "files": len(numbers),
        "outcomes": dict(sorted(outcomes.items())),
        "deaths": memory.ended,
        "hangs": [number for took, number in times if took >= limit],
        "unplanned": unplanned,
        "seconds": {
            "p50": round(seconds[len(seconds) // 2], 4),
            "p99": round(seconds[int(len(seconds) * 0.99)], 4),
            "max": round(seconds[-1], 4),
            "slowest": [number for _, number in times[-3:]],
        },
        "memory_mb": memory.notes,
        "peak_memory_mb": memory.peak,
    }


class Memory:
    """Watches a server's processes: what they hold together, and whether one of them ends."""

    def __init__(self, pid: int | None) -> None:
        self.peak = 0
        self.notes: dict[int, int] = {}
        self.ended: list[str] = []
        self._processes: list[psutil.Process] = []
        if pid is not None:
            top = psutil.Process(pid)
            self._processes = [top, *top.children(recursive=True)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self.note(0)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.ended = [str(one) for one in self._processes if not one.is_running()]

    def note(self, files: int) -> None:
        self.notes[files] = self._held()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            self.peak = max(self.peak, self._held())

    def _held(self) -> int:
        """Megabytes that belong to no other process (USS), shared memory apart."""
        total = 0
        for one in self._processes:
            with suppress(psutil.NoSuchProcess):
                total += one.memory_full_info().uss
        return total // 1_000_000
