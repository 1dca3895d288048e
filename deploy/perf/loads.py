"""Asks what is measured, Triton over gRPC and peers over HTTP, in one closed loop.

Why that is fair: the loop, its clock and its threads are the same for all (``allclient.load``).
Every request is made before the load begins and is one encoded image; every answer is read to its
end and not parsed. A peer is asked in the way it is meant to be, HTTP/1.1 over connections that
stay open, Triton in the way its own tools ask it. Processor time of the generator is reported with
every load, so a difference that comes from it would show.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from allclient.errors import InferenceError, ServerUnavailableError
from allclient.load import Load, Send, closed_loop
from allclient.local import LocalServer
from allclient.transport import Connection
from allclient.transport.raw import RawCalls

Connect = Callable[[], Send]


@dataclass(frozen=True)
class Subject:
    """A server that runs: how to ask it, and its processes."""

    connect: Connect
    pid: int


@dataclass(frozen=True)
class Cost:
    """What the server's processes used during a load."""

    server_cpu: float
    """Processors kept busy."""
    server_pss_mb: float
    """Memory, shared pages divided among those who share them, at the load's end."""


def measure(subject: Subject, *, concurrency: int, seconds: float, warmup: float) -> dict[str, Any]:
    """Return one load and its cost, as JSON."""
    try:
        load, cost = _measured(subject, concurrency, seconds, warmup)
    except psutil.NoSuchProcess:
        sys.exit(
            f"the server (process {subject.pid}) died under a load of {concurrency} in flight; "
            "the embedded server leaves its log in the folder for temporary files"
        )
    return {**load.as_json(), **asdict(cost)}


def _measured(
    subject: Subject, concurrency: int, seconds: float, warmup: float
) -> tuple[Load, Cost]:
    if warmup > 0:
        closed_loop(subject.connect, concurrency=concurrency, seconds=warmup, warmup=0)
    before = cpu_seconds(subject.pid)
    # The window is the whole load here, so that processor time and answers belong together.
    load = closed_loop(subject.connect, concurrency=concurrency, seconds=seconds, warmup=0)
    spent = cpu_seconds(subject.pid) - before
    return load, Cost(round(spent / seconds, 4), round(pss_megabytes(subject.pid), 1))


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants."""
    total = 0.0
    for process in tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def pss_megabytes(pid: int) -> float:
    """Return the memory of a process and its descendants (proportional set size)."""
    total = 0
    for process in tree(pid):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 1e6


@contextmanager
def triton(
    repository: Path, model: str, images: list[bytes], flavour: str | None = None
) -> Iterator[Subject]:
    """Start the embedded server."""
    with LocalServer(repository, flavour=flavour) as server:
        calls = RawCalls(Connection(server.grpc_address, model=model, timeout=120.0), images)
        try:
            yield Subject(lambda: calls.send, server.pid)
        finally:
            calls.close()


def http_connect(port: int, path: str, content_type: str, bodies: list[bytes]) -> Connect:
    """Make senders over HTTP/1.1, each with a connection of its own that stays open."""

    def connect() -> Send:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

        def send(number: int) -> bytes:
            try:
                connection.request(
                    "POST", path, bodies[number % len(bodies)], {"Content-Type": content_type}
                )
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise ServerUnavailableError(f"the peer does not answer: {error}") from error
            if response.status != 200:
                raise InferenceError(f"the peer answers {response.status}: {answer[:200]!r}")
            return answer

        return send

    return connect


@contextmanager
def on_cores(count: int | None) -> Iterator[None]:
    """Start servers on the first ``count`` cores; the generator runs on all afterwards."""
    before = os.sched_getaffinity(0)
    if count is not None:
        os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
