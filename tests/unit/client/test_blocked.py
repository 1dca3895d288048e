"""Reads that never return: they hold up neither the stream's end nor the program's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from allclient import AsyncClient, Client, threads
from allclient.errors import ConfigurationError, ModelNotReadyError
from allclient.result import Pipe
from allclient.threads import DaemonThreads
from tests.unit.client.kserve import KServe, Refused

WAIT = 60


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """A named pipe without a writer; it gets one at the end, so that no thread is left waiting."""
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    yield Pipe(path)
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def test_pipe_among_many_is_one_bad_outcome(server: KServe, connect: Any, pipe: Pipe) -> None:
    sources = [b"benign", str(pipe), b"pre"]
    outcomes = list(connect(server).classify_many(sources))
    assert [outcome.error and outcome.error.code for outcome in outcomes] == [
        None,
        "file_unreadable",
        None,
    ]


def test_pipe_that_is_meant_is_read(server: KServe, connect: Any, pipe: Pipe) -> None:
    writer = threading.Thread(target=lambda: Path(pipe).write_bytes(b"benign"))
    writer.start()
    (outcome,) = connect(server).classify_many([pipe])
    assert outcome.unwrap().label.value == "benign"
    writer.join()


def test_stop_does_not_wait_for_a_file(server: KServe, pipe: Pipe) -> None:
    """The first file is never read; what came after it is handed over all the same."""
    with Client(server.address) as client:
        stream = client.classify_many([pipe, b"benign", b"pre"], in_flight=3)
        while len(stream._work.ledger._finished) < 2:
            time.sleep(0.01)
        stream.stop()
        assert [outcome.source for outcome in stream] == [b"benign", b"pre"]


def test_error_that_ends_the_stream_does_not_wait_for_a_file(
    server: KServe, connect: Any, pipe: Pipe
) -> None:
    def respond(_: bytes) -> Any:
        raise Refused(grpc.StatusCode.NOT_FOUND, "no such model")

    server.respond = respond
    with pytest.raises(ModelNotReadyError):
        list(connect(server).classify_many([pipe, b"benign"], in_flight=2))


def test_leaving_an_async_loop_does_not_wait_for_a_file(server: KServe, pipe: Pipe) -> None:
    async def run() -> str:
        async with AsyncClient(server.address) as client:
            stream = client.classify_many([b"benign", pipe])
            first = await anext(stream)
            await stream.aclose()
            return first.unwrap().label.value

    assert asyncio.run(run()) == "benign"


PROGRAMS = {
    "AsyncClient": """
async def main():
    async with AsyncClient({address!r}) as client:
        await asyncio.wait_for(client.classify({path!r}), 0.2)
asyncio.run(main())
""",
    "Client": """
client = Client({address!r})
stream = client.classify_many([Pipe({path!r})])
raise TimeoutError
""",
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_the_program_ends_while_a_file_is_waited_for(server: KServe, pipe: Pipe, kind: str) -> None:
    code = (
        "import asyncio\nfrom allclient import AsyncClient, Client\n"
        "from allclient.result import Pipe\n"
        + PROGRAMS[kind].format(address=server.address, path=str(pipe))
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT, check=False
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("TimeoutError")


def test_threads_start_as_needed_and_no_more() -> None:
    pool = DaemonThreads(2, "test-pool")
    release = threading.Event()

    def running() -> int:
        return sum(thread.name == "test-pool" for thread in threading.enumerate())

    assert pool.submit(lambda: "done").result(WAIT) == "done"
    assert running() == 1
    futures = [pool.submit(release.wait, WAIT) for _ in range(5)]
    assert running() == 2
    release.set()
    assert all(future.result(WAIT) for future in futures)
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(WAIT)
    pool.close()
    with pytest.raises(ConfigurationError, match="is closed"):
        pool.submit(print)


def refuse_threads(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """As a machine does whose limit of threads is reached."""
    real = threading.Thread.start
    started = 0

    def start(thread: threading.Thread) -> None:
        nonlocal started
        if thread.name.startswith("allclient"):
            started += 1
            if started > after:
                raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)


def test_no_thread_at_all(server: KServe, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(server)
    refuse_threads(monkeypatch, 0)
    with pytest.raises(ConfigurationError, match=r"no thread can be started.*ulimit -u"):
        list(client.classify_many([b"benign"]))


def test_few_threads_do_all_the_work(
    server: KServe, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(server)
    refuse_threads(monkeypatch, 2)
    outcomes = list(client.classify_many([b"benign"] * 50, in_flight=8))
    assert len(outcomes) == 50


def test_no_thread_is_one_sentence() -> None:
    assert "ulimit" in str(threads.no_thread())
