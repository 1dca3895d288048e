"""The faults: what is done to a server, and what its clients got meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torture_load import PATIENCE, Load
from torture_memory import Curve
from torture_proxy import BadNetwork
from torture_report import Found

from allclient import Client
from allclient.local import LocalServer, stubs
from samples import render

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
FAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@dataclass(frozen=True)
class Length:
    """How much of each fault."""

    images: int
    """For every client that works while something is broken."""
    kills: int
    clients: int
    files: int
    minutes: float
    """At full load."""
    rounds: int
    """Of clients that leave; see tests/serving/test_torture.py."""


SHORT: Final = Length(images=40, kills=4, clients=200, files=400, minutes=0.5, rounds=1)
LONG: Final = Length(images=400, kills=40, clients=1000, files=10_000, minutes=30, rounds=10)


@contextmanager
def loaded() -> Iterator[tuple[LocalServer, Load]]:
    """Serve the checkout's models, and know what drawn fields are answered."""
    with LocalServer(ROOT / "model_repository") as server:
        yield server, Load(server.grpc_address, render.encoded(count=6, seed=3))


def network(length: Length) -> Found:
    """Slow connections that are cut, at last within an image."""
    with loaded() as (server, load):
        return through_a_bad_network(load, server.grpc_address, length.images)


def through_a_bad_network(load: Load, address: str, images: int) -> Found:
    """Have four clients classify so many images each."""
    size = max(map(len, load.images))
    with ExitStack() as stack:
        # One for each, since gRPC has one connection for all clients of an address.
        bad = [stack.enter_context(BadNetwork(address, size, seed)) for seed in range(4)]
        load.run([one.address for one in bad], lambda sent: sent < images)
    done = sum((one.done for one in bad), Counter[str]())
    return Found(load.tried, load.lost, done, notes=load.errors)


def kills(length: Length) -> Found:
    """Kill -9 of the server and of its models' processes, each in its turn."""
    found = Found()
    with loaded() as (server, load):
        over = threading.Event()
        working = threading.Thread(
            target=load.run, args=([server.grpc_address] * 4, lambda _: not over.is_set())
        )
        working.start()
        try:
            for number in range(length.kills):
                before = load.tried
                while load.tried < before + 20:  # it works again
                    time.sleep(0.1)
                found.faults[_kill(server, number)] += 1
        finally:
            over.set()
            working.join()
        found.tried, found.lost, found.notes = load.tried, load.lost, load.errors
    return found


def _kill(server: LocalServer, number: int) -> str:
    while True:
        pid = server.pid
        processes = [("tritonserver", pid), *((one.model, one.pid) for one in stubs.find(pid))]
        name, victim = processes[number % len(processes)]
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:  # of the server before this one
            time.sleep(0.1)
        else:
            return f"kill -9 of {name}"


def clients(length: Length) -> Found:
    """So many clients at the same time, each with a connection of its own and three images."""
    with loaded() as (server, load):
        return at_once(load, server.grpc_address, length.clients)


def at_once(load: Load, address: str, count: int) -> Found:
    """Have so many clients begin together."""
    begin = threading.Barrier(count)
    lost: list[str] = []

    def work(place: int) -> None:
        with Client(address, timeout=600, retry=PATIENCE) as client:
            begin.wait()
            for turn in range(3):
                at = (place + turn) % len(load.images)
                try:
                    if not load.is_right(at, client.classify(load.images[at]).votes):
                        lost.append("a wrong answer")
                except Exception as error:  # every one counts
                    lost.append(repr(error))

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))
    return Found(3 * count, len(lost), Counter({"clients at once": count}), notes=lost)


def full_load(length: Length) -> Found:
    """As much as the server can do, for a while; the memory of each process meanwhile."""
    with loaded() as (server, load):
        curve = Curve(server.pid)
        curve.take(load.tried)
        end = time.monotonic() + 60 * length.minutes
        working = threading.Thread(
            target=load.run, args=([server.grpc_address] * 4, lambda _: time.monotonic() < end)
        )
        working.start()
        while working.is_alive():
            working.join(2 * length.minutes)
            curve.take(load.tried)
        found = Found(load.tried, load.lost, notes=load.errors, curve=curve.rows)
        found.memory_mb = early, late = curve.early_and_late
        if late > early * 1.1 + 10:
            found.notes.append("memory grows")
            found.lost += 1
        return found


def clock(length: Length) -> Found:
    """The clock of the clients is set by an hour or a day and back, again and again.

    A machine's clock is not touched: libfaketime shows another one to one process. The server has
    the right time; what it waits for in the kernel could not be shown another.
    """
    if not FAKETIME.exists():
        return Found(skipped="no libfaketime here: apt-get install libfaketime")
    with loaded() as (server, load), tempfile.TemporaryDirectory() as folder:
        shift = Path(folder) / "shift"
        shift.write_text("+0")
        program = [sys.executable, str(HERE / "torture_clock.py"), server.grpc_address]
        environment = os.environ | {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(shift),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE, ROOT / "deploy/perf"))),
        }
        found = Found(4 * length.images)
        with subprocess.Popen(
            [*program, str(length.images)], env=environment, stdout=subprocess.PIPE, text=True
        ) as client:
            rng = random.Random(0)  # noqa: S311  it makes faults
            while client.poll() is None:
                shift.write_text(rng.choice(("+3600", "-3600", "+86400", "+0")))
                found.faults["clock jumps"] += 1
                time.sleep(0.2)
            assert client.stdout is not None
            said = json.loads(client.stdout.read() or "{}")
        found.lost = said.get("lost", found.tried)
        found.notes = said.get("errors", load.errors)
        return found
