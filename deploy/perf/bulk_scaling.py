"""Measures how the bulk engine gains from more workers and servers, as ratios within one run.

The servers are stand-ins (``cached_server.py``) that repeat real answers and give a fixed number a
second, less than this machine can take in. So the figures say whether work is spread and kept
flowing. They do not say how fast models are: four real servers on the cores of one are no faster
than one.

    python deploy/perf/bulk_scaling.py --out docs/benchmarks/bulk-scaling.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bulk
from machine import facts

from allclient.bulk import cluster, engine
from allclient.bulk.asking import Asking
from allclient.bulk.places import Place
from allclient.bulk.plan import Plan

SIZES = ((1, 1), (2, 2), (3, 3), (4, 4), (4, 1), (1, 4))
"""Workers and servers."""

PART = 30


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=30.0, help="answers a second of a server")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    speeds: dict[str, list[float]] = {name(*size): [] for size in SIZES}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bulk-")))
        images = bulk.fields()
        bulk.take_down(images, folder / "answers")
        bulk.link(folder / "in", images, int(asked.limit * asked.seconds * 4) + 1)
        files = sorted(str(path) for path in (folder / "in").rglob("*.jpg"))
        servers = [
            stack.enter_context(bulk.stand_in(folder / "answers", asked.limit)) for _ in range(4)
        ]
        ray = stack.enter_context(cluster.connected(None))
        for turn in range(asked.rounds):
            for workers, count in SIZES:
                out = Place(str(folder / f"out-{turn}-{workers}-{count}"))
                part = files[: int(asked.limit * asked.seconds * count)]
                Plan(out).make(part, {}, PART)
                asking = Asking("/", ",".join(servers[:count]), in_flight=asked.in_flight)
                found = speed(ray, Plan(out), asking, workers)
                speeds[name(workers, count)].append(found)
                print(f"{name(workers, count)}: {found:.1f} files/s", flush=True)
    figures = summary(speeds, asked)
    print(json.dumps(figures, indent=1))
    if asked.out is not None:
        asked.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def name(workers: int, servers: int) -> str:
    """Return how a size is called in the figures."""
    return f"{workers} workers, {servers} servers"


def speed(ray: Any, plan: Plan, asking: Asking, workers: int) -> float:
    """Return the files a second from the first parts to the last."""
    done: list[tuple[float, int]] = []
    for counted in engine.run_parts(ray, plan, plan.left(), asking, workers):
        done.append((time.monotonic(), counted["files"]))
    begun, rest = done[workers - 1][0], done[workers:]
    return sum(files for _, files in rest) / (rest[-1][0] - begun)


def summary(speeds: dict[str, list[float]], asked: argparse.Namespace) -> dict[str, Any]:
    """Return medians, and the ratios to one worker and one server of the same round."""
    base = speeds[name(1, 1)]
    return {
        "what": "bulk engine over stand-ins of a fixed speed; no speed of the models",
        "answers_a_second_of_a_server": asked.limit,
        "rounds": asked.rounds,
        "files_per_second": {
            size: round(statistics.median(found), 1) for size, found in speeds.items()
        },
        "over_one": {
            size: round(statistics.median(a / b for a, b in zip(found, base, strict=True)), 2)
            for size, found in speeds.items()
        },
        "machine": facts(),
    }


if __name__ == "__main__":
    main()
