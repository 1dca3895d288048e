"""Sends many mixed files to an embedded server and records the memory of all its processes.

    python deploy/perf/memory.py --requests 3000 --large-share 0.3 --model preprocess
    python deploy/perf/memory.py --requests 100000 --large-share 0.05

The files are drawn (memory_files.py): JPEG, PNG, BMP and TIFF from 6 kB to 15 MB, some of them
broken. Which one is sent when is drawn as well, and several are in flight. At even distances the
sending pauses until all are answered, and the memory is looked at (memory_samples.py).

Prints the memory of each process early (the second fifth of the run) and late (the last fifth), and
writes all samples to --out.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import memory_files
import memory_samples

from allclient.errors import AllclientError
from allclient.local import LocalServer
from allclient.transport import Connection
from allclient.transport.raw import RawCalls

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Measure, and print early and late memory of each process."""
    options = parse()
    files = memory_files.draw(options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with LocalServer(options.repository) as server:
        report = measure(server, files, options)
    growth = report["early_and_late_mb"]
    for name, (early, late) in growth.items():
        print(f"{name:20s} {early:8.1f} {late:8.1f} {late - early:+8.1f} MB")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--large-share", type=float, default=0.3, help="of the requests, 0 to 1")
    parser.add_argument("--model", default="all_ensemble", help="or several, joined by commas")
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repository", type=Path, default=ROOT / "model_repository")
    parser.add_argument("--out", type=Path, default=Path("runs/memory.json"))
    return parser.parse_args(arguments)


def measure(
    server: LocalServer, files: memory_files.Files, options: argparse.Namespace
) -> dict[str, Any]:
    """Run the load; the report is written anew at every sample, so a stopped run leaves one."""
    rng = random.Random(options.seed)  # noqa: S311  it chooses files
    load = _Load(server.grpc_address, options.model.split(","), files, options.in_flight)
    samples = [memory_samples.take(server.pid, 0)]
    begun = time.monotonic()
    with load:
        for number in range(options.samples):
            until = options.requests * (number + 1) // options.samples
            load.send(rng, until - samples[-1].requests, options.large_share)
            samples.append(memory_samples.take(server.pid, until))
            report = {
                "command": " ".join(["deploy/perf/memory.py", *sys.argv[1:]]),
                "requests": until,
                "large_files": load.large,
                "megabytes_sent": round(load.sent / 1e6),
                "seconds": round(time.monotonic() - begun),
                "answers": dict(load.answers),
                "early_and_late_mb": memory_samples.growth(samples),
                "samples": [sample.as_json() for sample in samples],
            }
            options.out.write_text(json.dumps(report) + "\n", encoding="utf-8")
    return report


class _Load:
    """Keeps requests in flight; the models are asked in turns."""

    def __init__(
        self, address: str, models: list[str], files: memory_files.Files, in_flight: int
    ) -> None:
        self._images = [*files.small, *files.large]
        self._first_large = len(files.small)
        self._calls = [
            RawCalls(Connection(address, model=model, timeout=300.0), self._images)
            for model in models
        ]
        self._threads = ThreadPoolExecutor(in_flight)
        self.answers: Counter[str] = Counter()
        """How many were answered, and refused, by code."""
        self.large = self.sent = 0

    def __enter__(self) -> _Load:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()
        for calls in self._calls:
            calls.close()

    def send(self, rng: random.Random, count: int, large_share: float) -> None:
        """Send ``count`` files that ``rng`` chooses, and wait for all answers."""
        jobs = []
        for number in range(count):
            large = rng.random() < large_share
            first, end = (self._first_large, len(self._images)) if large else (0, self._first_large)
            image = rng.randrange(first, end)
            self.large += large
            self.sent += len(self._images[image])
            calls = self._calls[number % len(self._calls)]
            jobs.append(self._threads.submit(_answer, calls, image))
        self.answers.update(job.result() for job in jobs)


def _answer(calls: RawCalls, image: int) -> str:
    try:
        calls.send(image)
    except AllclientError as error:
        return error.code
    return "answered"


if __name__ == "__main__":
    main()
