"""Decodes mutated files in child processes: finds what ends a process, and what takes long.

Each child writes the number it is at before it begins, so that the file that ended it is known.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import select
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PIECE = 250
"""Files for one child."""

START = 60.0
"""Seconds that a child may take to make its seeds."""


def run(numbers: range, limit: float) -> dict[str, Any]:
    """Deaths and hangs by number, the times, and how many files had which outcome."""
    deaths: list[int] = []
    hangs: list[int] = []
    outcomes: Counter[str] = Counter()
    times: list[tuple[float, int]] = []
    memory = 0
    todo = list(numbers)
    while todo:
        piece, todo = todo[:PIECE], todo[PIECE:]
        words, code = _child(piece, limit)
        for line in words:
            number, _, outcome, seconds = line.split("\t")[:4]
            outcomes[outcome] += 1
            times.append((float(seconds), int(number)))
            memory = max(memory, int(line.split("\t")[4]))
        if len(words) < len(piece):
            culprit = piece[len(words)]
            (hangs if code is None else deaths).append(culprit)
            todo = piece[len(words) + 1 :] + todo
    times.sort()
    at = [seconds for seconds, _ in times]
    return {
        "files": len(numbers),
        "deaths": deaths,
        "hangs": hangs,
        "outcomes": dict(sorted(outcomes.items())),
        "seconds": {
            "p50": round(at[len(at) // 2], 4),
            "p99": round(at[int(len(at) * 0.99)], 4),
            "max": round(at[-1], 4),
            "slowest": [number for _, number in times[-3:]],
        },
        "peak_memory_mb": memory // 1024,
    }


def _child(piece: list[int], limit: float) -> tuple[list[str], int | None]:
    """The lines that a child wrote, and its exit code; None where it had to be ended."""
    command = [sys.executable, __file__, ",".join(map(str, piece))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        said = b""
        while select.select([child.stdout], [], [], limit if said else limit + START)[0]:
            new = os.read(child.stdout.fileno(), 1 << 16)
            if not new:
                return said.decode().splitlines(), child.wait()
            said += new
        child.kill()
    return said.decode().splitlines(), None


def main() -> None:
    """The child: decode the files of the numbers given."""
    faulthandler.enable()
    sys.path[:0] = [str(ROOT)]
    from tests.fuzz.mutants import mutant
    from tests.kinds.kind import pixels

    for number in map(int, sys.argv[1].split(",")):
        one = mutant(number)
        begun = time.perf_counter()
        try:
            outcome = "suspect" if pixels.field(one.data).suspect else "answered"
        except pixels.ImageError as error:
            outcome = error.code
        seconds = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(number, one.seed, outcome, f"{seconds:.4f}", peak, sep="\t", flush=True)


if __name__ == "__main__":
    main()
