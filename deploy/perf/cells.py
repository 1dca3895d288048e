"""Measures all_ensemble with and without CELLS, as it was at an earlier commit, and a peer.

    python deploy/perf/cells.py --images FOLDER [--before COMMIT] [--peer litserve] [--rounds 5]
        [--seconds 6]

Prints one JSON object: for 1 and 32 in flight, medians over the rounds of images a second, of
latency in milliseconds and of the server's processor time for an image, and the ratios to
``plain``, today's ensemble without CELLS. Processor time is what counts where the machine has other
work, too. What is compared takes turns, round after round. Servers that are not asked cost nothing
meanwhile. A peer answers without cells, by today's decoding and backbones.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from images import find
from loads import Subject, measure
from peer_servers import PEERS, peer
from preprocess import earlier

from allclient.contract import ENSEMBLE
from allclient.local import LocalServer
from allclient.transport import Connection
from allclient.transport.raw import RawCalls

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "model_repository"
IN_FLIGHT = (1, 32)
FIGURES = ("images_per_second", "p50_ms", "cpu_ms", "p99_ms")


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--before", help="A commit whose models are measured too.")
    parser.add_argument("--peer", choices=PEERS, help="A server to compare with.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    options = parser.parse_args()
    files = [path.read_bytes() for path in find(options.images, 200)]
    with ExitStack() as stack:
        now = stack.enter_context(LocalServer(ROOT / REPOSITORY))
        subjects = {
            "plain": _subject(stack, now, files),
            "cells": _subject(stack, now, files, cells=True),
        }
        if options.before:
            folder = stack.enter_context(earlier(options.before, REPOSITORY))
            subjects["before"] = _subject(stack, stack.enter_context(LocalServer(folder)), files)
        if options.peer:
            log = ROOT / "runs" / "cells" / f"{options.peer}.log"
            masters = ROOT / "training" / "masters"
            server = peer(options.peer, files, ROOT / REPOSITORY, masters, log)
            subjects[options.peer] = stack.enter_context(server)
        results = {
            f"{concurrency} in flight": _compared(
                subjects, concurrency, options.rounds, options.seconds
            )
            for concurrency in IN_FLIGHT
        }
    print(json.dumps(results, indent=2))


def _subject(
    stack: ExitStack, server: LocalServer, files: list[bytes], *, cells: bool = False
) -> Subject:
    connection = Connection(server.grpc_address, model=ENSEMBLE, timeout=120.0)
    calls = RawCalls(connection, files, cells=cells)
    stack.callback(calls.close)
    return Subject(lambda: calls.send, server.pid)


def _compared(
    subjects: dict[str, Subject], concurrency: int, rounds: int, seconds: float
) -> dict[str, Any]:
    loads: dict[str, list[dict[str, Any]]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            load = measure(subject, concurrency=concurrency, seconds=seconds, warmup=1.0)
            load["cpu_ms"] = 1000 * load["server_cpu"] / load["images_per_second"]
            loads[name].append(load)
    medians = {
        name: {figure: round(median(load[figure] for load in each), 3) for figure in FIGURES}
        for name, each in loads.items()
    }
    plain = medians["plain"]
    return {
        name: {
            **each,
            **{
                f"{figure} / plain": round(each[figure] / plain[figure], 3)
                for figure in FIGURES[:3]
            },
        }
        for name, each in medians.items()
    }


if __name__ == "__main__":
    main()
