"""Searches the settings of the served models for this machine.

    python deploy/perf/tune.py --images FOLDER [--model all_ensemble] [--in-flight 32]
    python deploy/perf/tune.py --apply runs/tune/overlay.json --repository model_repository --out X

One setting after another: each candidate is measured against the best so far in turns (best,
candidate, best, candidate, ...), so that a machine that slows down slows both. It is kept where the
median of the ratios says at least 3% more images a second; less is not worth a line in a
configuration. Settings that were kept are tried once more, since they depend on one another.

Writes overlay.json (see overlay.py), every measurement in tried.json, and a copy of the repository
with the settings in it. The repository itself stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import images
import loads
import machine
import overlay
from overlay import Overlay

from allclient.contract import BACKBONES, CASCADE, ENSEMBLE
from allclient.errors import ServerStartError

ROOT = Path(__file__).parents[2]
BACKBONE_NAMES = [backbone.value for backbone in BACKBONES]
WORTH_IT = 1.03


def main() -> None:
    """Search, or apply an overlay."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.apply:
        try:
            settings = overlay.read(options.apply)
            written = overlay.copy(options.repository, options.out / "models", settings)
        except ValueError as error:
            sys.exit(str(error))
        show(settings)
        print(written)
        return
    folder = options.images or images.drawn(options.out / "drawn")
    sent = [path.read_bytes() for path in images.find(folder, 200)]
    best: Overlay = {}
    tried: list[dict[str, Any]] = []
    for again in range(options.passes):
        before = best
        for what, change in candidates(len(os.sched_getaffinity(0)), options.model):
            candidate = overlay.merged(best, change)
            if candidate == best or options.only not in what:
                continue
            gain = compare(options, sent, best, candidate)
            tried.append({"pass": again + 1, "what": what, "gain": gain})
            kept = gain is not None and gain >= WORTH_IT
            print(f"{what:60s} {gain or 0:6.3f} {'kept' if kept else ''}", flush=True)
            if kept:
                best = candidate
            write(options, best, tried)
        if best == before:
            break
    show(best)
    print(overlay.copy(options.repository, options.out / "models", best))


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="folder; drawn ones without it")
    parser.add_argument("--repository", type=Path, default=ROOT / "model_repository")
    parser.add_argument("--model", choices=[ENSEMBLE, CASCADE], default=ENSEMBLE)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of each comparison (3)")
    parser.add_argument("--only", default="", metavar="TEXT", help="candidates with this in them")
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "tune")
    parser.add_argument("--apply", type=Path, metavar="OVERLAY", help="only lay this one over")
    return parser.parse_args()


def candidates(cores: int, model: str) -> Iterator[tuple[str, Overlay]]:
    """Yield changes in the order of what they may bring, each for all backbones or for one."""
    yield from _threads_and_instances(sorted({1, max(1, cores // 2), cores}))
    yield "throughput hint", _every({"parameters": {"PERFORMANCE_HINT": "THROUGHPUT"}})
    for batch in (1, 2, 4, 8, 16):
        yield f"batches of {batch} preferred", _every({"preferred_batch_size": [batch]})
    for delay in (500, 2000, 5000):
        yield f"{delay} us queue delay", _every({"max_queue_delay_microseconds": delay})
    for instances in sorted({1, 2, cores, 2 * cores}):
        yield f"{instances} of preprocess", {"preprocess": {"instances": instances}}
    for instances in (1, 2):
        yield f"{instances} of vote", {"vote": {"instances": instances}}
    if model == CASCADE:
        for instances in (1, 2, 4, 8):
            yield f"{instances} of all_cascade", {CASCADE: {"instances": instances}}
            for batch in (2, 4, 8):
                yield (
                    f"{instances} of all_cascade, batches of {batch} preferred",
                    {CASCADE: {"instances": instances, "preferred_batch_size": [batch]}},
                )


def _every(settings: dict[str, Any]) -> Overlay:
    return dict.fromkeys(BACKBONE_NAMES, settings)


def _threads_and_instances(counts: list[int]) -> Iterator[tuple[str, Overlay]]:
    for threads in counts:
        parameters = {"INFERENCE_NUM_THREADS": str(threads)}
        yield f"{threads} threads for each backbone", _every({"parameters": parameters})
        for instances in counts[1:]:
            yield (
                f"{threads} threads, {instances} instances for each backbone",
                _every({"parameters": parameters, "instances": instances}),
            )
    for name in BACKBONE_NAMES:
        for instances in counts:
            yield f"{instances} instances of {name}", {name: {"instances": instances}}
        for threads in counts:
            parameters = {"INFERENCE_NUM_THREADS": str(threads)}
            yield f"{threads} threads for {name}", {name: {"parameters": parameters}}


def compare(
    options: argparse.Namespace, sent: list[bytes], best: Overlay, candidate: Overlay
) -> float | None:
    """Return the median of candidate / best in images a second; None if it does not load."""
    ratios = []
    try:
        for _ in range(options.rounds):
            before, after = (rate(options, sent, one) for one in (best, candidate))
            ratios.append(after / before)
    except ServerStartError as error:
        print(error, file=sys.stderr)
        return None
    return statistics.median(ratios)


def rate(options: argparse.Namespace, sent: list[bytes], settings: Overlay) -> float:
    """Return the images a second of a server with these settings."""
    folder = overlay.copy(options.repository, options.out / "trial", settings)
    with loads.triton(folder, options.model, sent) as subject:
        load = loads.measure(
            subject, concurrency=options.in_flight, seconds=options.seconds, warmup=3
        )
    if load["errors"] or not load["answered"]:
        sys.exit(f"the server answers with errors: {load['errors']}")
    return float(load["images_per_second"])


def write(options: argparse.Namespace, best: Overlay, tried: list[dict[str, Any]]) -> None:
    """Write the best settings and every measurement."""
    for name, content in (
        ("overlay.json", best),
        ("tried.json", {"machine": machine.facts(), "tried": tried}),
    ):
        text = json.dumps(content, indent=2)
        (options.out / name).write_text(text + "\n", encoding="utf-8")


def show(settings: Overlay) -> None:
    """Print the settings."""
    for model, one in sorted(settings.items()):
        print(f"{model}: {json.dumps(one)}")
    if not settings:
        print("nothing brought 3%: the repository's own settings stay")


if __name__ == "__main__":
    main()
