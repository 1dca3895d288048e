"""Measures everything that the project says of its speed, in one run: ``make bench``.

    python deploy/perf/bench.py [--images FOLDER] [--only engines,server,...] [--rounds 3]

Parts can be run one by one; each replaces its own results in the work folder, and all that are
there are merged into the output. ``one_run`` in it says whether they come from one run. What is
compared takes turns, round after round, so that a machine that slows down slows all of it; numbers
are medians over the rounds.

    engines   the three backbones alone: ceiling, one image at a time, Keras predict
    server    all_ensemble and all_cascade at 1 and 32 in flight
    peers     LitServe, BentoML, Ray Serve, FastAPI + Keras, the same
    perf      perf_analyzer on both models at 32, against the numbers of our own generator
    labels    all_cascade's labels against all_ensemble's; how often the third was asked
    curve     throughput and latency against 1 to 128 in flight, and against cores
    client    allclient classify over 3,000 files; memory up to a million; start; large images
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import client_cost
import images
import labels
import loads
import machine
import overlay
import peer_servers
import perf_analyzer
import plots
from ratios import ratios

from allclient.contract import CASCADE, ENSEMBLE
from allclient.local import LocalServer
from allclient.transport import Connection
from allclient.transport.raw import RawCalls

ROOT = Path(__file__).parents[2]
PARTS = ("engines", "server", "peers", "perf", "labels", "curve", "client")
IN_FLIGHT = (1, 32)
CURVE = (1, 2, 4, 8, 16, 32, 64, 128)
MODELS = {"ensemble": ENSEMBLE, "cascade": CASCADE}
SENT = 200
"""Different images that a load sends."""


def main() -> None:
    """Measure the parts asked for, and merge the results."""
    options = parse()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.images is None:
        options.images = images.drawn(options.work / "drawn")
    if options.overlay is not None:
        try:
            settings = overlay.read(options.overlay)
            options.repository = overlay.copy(options.repository, options.work / "models", settings)
        except ValueError as error:
            sys.exit(str(error))
    run: dict[str, Any] = {
        "id": uuid.uuid4().hex[:8],
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "images": "drawn" if options.images == options.work / "drawn" else "given",
        "machine": machine.facts(),
    }
    steps: dict[str, Callable[[argparse.Namespace], Any]] = {
        "perf": perf,
        "labels": lambda o: labels.compare(o.repository, o.labels or o.images),
        "curve": curve,
        "client": lambda o: client_cost.measure(o.repository, o.images, o.work, o.files),
    }
    together = [part for part in options.only if part not in steps]
    if together:
        for part, results in rounds(options, together).items():
            keep(options.work, part, run, results)
    for part in options.only:
        if part in steps:
            say(f"{part} ...")
            keep(options.work, part, run, steps[part](options))
    report = merge(options.work)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    plots.draw(report, options.output.parent)
    print(json.dumps(report["ratios"], indent=2))
    say(f"{options.output} written")


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="folder; with a split.csv, its test part")
    parser.add_argument("--labels", type=Path, help="folder for the part labels; else --images")
    parser.add_argument("--repository", type=Path, default=ROOT / "model_repository")
    parser.add_argument("--masters", type=Path, default=ROOT / "training" / "masters")
    parser.add_argument("--overlay", type=Path, help="settings of this machine, from tune.py")
    parser.add_argument("--only", type=_parts, default=PARTS, metavar="PART,PART,...")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load (15)")
    parser.add_argument("--warmup", type=float, default=3.0)
    parser.add_argument("--files", type=int, default=3000, help="of the part client (3000)")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "bench")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "cpu.json")
    return parser.parse_args()


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"unknown {sorted(unknown)}; parts are {', '.join(PARTS)}")
    return parts


def rounds(options: argparse.Namespace, parts: list[str]) -> dict[str, dict[str, Any]]:
    """Measure the parts that are compared with one another, in turns.

    The result is {part: {what: [one a round]}}. A peer that does not start is named and left out
    from then on; the others go on.
    """
    sent = [path.read_bytes() for path in images.find(options.images, SENT)]
    results: dict[str, dict[str, list[Any]]] = {part: {} for part in parts}
    left_out: set[str] = set()
    for number in range(options.rounds):
        for part, name, measure in subjects(options, parts, sent):
            if name in left_out:
                continue
            say(f"round {number + 1} of {options.rounds}: {name} ...")
            try:
                results[part].setdefault(name, []).append(measure())
            except peer_servers.PeerError as error:
                say(f"{name} is left out: {error}")
                left_out.add(name)
                if not results[part][name]:
                    del results[part][name]
    return results


def subjects(
    options: argparse.Namespace, parts: list[str], sent: list[bytes]
) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Yield part, name and measurement of all that is compared."""
    if "engines" in parts:
        for what in ("ceiling", "bare", "keras"):
            yield "engines", what, partial(engine, options, what)
    if "server" in parts:
        for name, model in MODELS.items():
            yield "server", name, partial(_server, options, model, sent)
    if "peers" in parts:
        for name in peer_servers.PEERS:
            yield "peers", name, partial(_peer, options, name, sent)


def _server(options: argparse.Namespace, model: str, sent: list[bytes]) -> list[dict[str, Any]]:
    return loaded(options, loads.triton(options.repository, model, sent))


def _peer(options: argparse.Namespace, name: str, sent: list[bytes]) -> list[dict[str, Any]]:
    log = options.work / f"{name}.log"
    peer = peer_servers.peer(name, sent, options.repository, options.masters, log)
    return loaded(options, peer)


def loaded(
    options: argparse.Namespace,
    server: AbstractContextManager[loads.Subject],
    in_flight: tuple[int, ...] = IN_FLIGHT,
) -> list[dict[str, Any]]:
    """Return the loads of one server, one for each number of requests in flight."""
    with server as subject:
        return [
            loads.measure(
                subject, concurrency=number, seconds=options.seconds, warmup=options.warmup
            )
            for number in in_flight
        ]


def engine(options: argparse.Namespace, what: str) -> dict[str, Any]:
    """Measure the backbones without a server, in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("engines.py")), what]
    command += ["--repository", str(options.repository), "--masters", str(options.masters)]
    command += ["--images", str(options.images), "--seconds", str(options.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"engines.py {what} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def perf(options: argparse.Namespace) -> dict[str, Any]:
    """Run NVIDIA's generator beside ours, on the same server one after the other."""
    paths = images.find(options.images, SENT)
    sent = [path.read_bytes() for path in paths]
    program, variables = perf_analyzer.get_tool()
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="perf-") as folder:
        data = Path(folder) / "images.json"
        data.write_text(json.dumps(perf_analyzer.input_data(paths)), encoding="utf-8")
        for name, model in MODELS.items():
            pairs = []
            with LocalServer(options.repository) as server:
                for number in range(options.rounds):
                    report = Path(folder) / f"{name}-{number}.csv"
                    analyzer = perf_analyzer.measure(
                        program,
                        variables,
                        model=model,
                        address=server.grpc_address,
                        data=data,
                        concurrency=32,
                        seconds=options.seconds,
                        report=report,
                    )
                    calls = RawCalls(Connection(server.grpc_address, model), sent)
                    ours = loads.measure(
                        loads.Subject(partial(_sender, calls), server.pid),
                        concurrency=32,
                        seconds=options.seconds,
                        warmup=options.warmup,
                    )
                    calls.close()
                    pairs.append({"perf_analyzer": analyzer, "ours": ours})
            rows[name] = pairs
    return rows


def _sender(calls: RawCalls) -> Callable[[int], bytes]:
    return calls.send


def curve(options: argparse.Namespace) -> dict[str, Any]:
    """Measure throughput and latency against requests in flight, and against cores."""
    sent = [path.read_bytes() for path in images.find(options.images, SENT)]
    results: dict[str, Any] = {"in_flight": {}, "cores": {}}
    for name, model in MODELS.items():
        results["in_flight"][name] = loaded(
            options, loads.triton(options.repository, model, sent), CURVE
        )
        results["cores"][name] = []
        for cores in range(1, len(os.sched_getaffinity(0)) + 1):
            with pinned(options, model, sent, cores) as subject:
                row = loads.measure(
                    subject, concurrency=32, seconds=options.seconds, warmup=options.warmup
                )
            results["cores"][name].append({"cores": cores, **row})
    return results


@contextmanager
def pinned(
    options: argparse.Namespace, model: str, sent: list[bytes], cores: int
) -> Iterator[loads.Subject]:
    """Start a server on so many cores; the generator has them all."""
    with contextlib.ExitStack() as stack:
        with loads.on_cores(cores):
            subject = stack.enter_context(loads.triton(options.repository, model, sent))
        yield subject


def keep(work: Path, part: str, run: dict[str, Any], results: Any) -> None:
    """Store the result of one part in the work folder."""
    text = json.dumps({"run": run, "found": results}, indent=1)
    (work / f"part-{part}.json").write_text(text + "\n", encoding="utf-8")


def merge(work: Path) -> dict[str, Any]:
    """Merge every part that was ever run in this work folder, and the ratios between them."""
    kept = {
        part: json.loads(path.read_text("utf-8"))
        for part in PARTS
        if (path := work / f"part-{part}.json").is_file()
    }
    results = {part: one["found"] for part, one in kept.items()}
    runs = {one["run"]["id"]: one["run"] for one in kept.values()}
    return {
        "ratios": ratios(results),
        "one_run": len(runs) == 1 and set(results) == set(PARTS),
        "runs": list(runs.values()),
        "parts": results,
    }


def say(words: str) -> None:
    """Print a line on standard error."""
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
