"""Measures the processor time that a field takes in each process of the embedded server.

    python deploy/perf/processes.py --images FOLDER [--concurrency 1 8 32] [--seconds 8]

Prints one JSON object for each number of requests in flight: milliseconds of processor time a
field, by the model that a process serves; ``tritonserver`` is the server itself, ``client`` the
load generator.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import images
import loads
import psutil

from allclient.contract import ENSEMBLE
from allclient.load import closed_loop

ROOT = Path(__file__).resolve().parents[2]
WARM_UP = 3.0


def main() -> None:
    """Measure the repository over a folder of images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--repository", type=Path, default=ROOT / "model_repository")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    files = [path.read_bytes() for path in images.find(options.images, 200)]
    with loads.triton(options.repository, ENSEMBLE, files) as server:
        closed_loop(server.connect, concurrency=8, seconds=WARM_UP, warmup=0)
        for number in options.concurrency:
            print(json.dumps(spent(server, number, options.seconds)), flush=True)


def spent(server: loads.Subject, concurrency: int, seconds: float) -> dict[str, float]:
    """Return the fields that were answered and the milliseconds of processor time of one."""
    before, own = by_model(server.pid), time.process_time()
    load = closed_loop(server.connect, concurrency=concurrency, seconds=seconds, warmup=0)
    total = {name: value - before.get(name, 0.0) for name, value in by_model(server.pid).items()}
    total["client"] = time.process_time() - own
    each = {name: round(1000 * value / load.answered, 2) for name, value in total.items()}
    return {
        "concurrency": concurrency,
        "answered": load.answered,
        "all": round(sum(each.values()), 2),
        **each,
    }


def by_model(pid: int) -> dict[str, float]:
    """Return seconds of processor time by model over the server's processes."""
    seconds: dict[str, float] = {}
    for process in loads.tree(pid):
        try:
            name, times = served_by(process.cmdline()), process.cpu_times()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        seconds[name] = seconds.get(name, 0.0) + times.user + times.system
    return seconds


def served_by(command: list[str]) -> str:
    """Return the model that a process serves by its command line, or ``tritonserver``.

    A stub of the Python backend is started with the path of its model.py, or with that of a
    backend's and the model's folder.
    """
    models = {path.name for path in (ROOT / "model_repository").iterdir() if path.is_dir()}
    parts = {part for argument in command for part in Path(argument).parts}
    return next(iter(sorted(models & parts)), "tritonserver")


if __name__ == "__main__":
    main()
