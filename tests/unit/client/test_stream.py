"""classify_many of both clients: order, bounds, errors, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc
import pytest

from allclient import AsyncClient, Client, Outcome
from allclient.errors import (
    ConfigurationError,
    InferenceError,
    ModelNotReadyError,
    ServerUnavailableError,
)
from allclient.transport import Retry
from tests.unit.client.kserve import BENIGN_ANSWER, MALIGNANT_ANSWER, KServe, Refused

QUICK = Retry(seconds=0.02, first=0.01)


def numbered(count: int) -> Iterator[bytes]:
    return (b"%d" % number for number in range(count))


def drain(stream: Iterator[Outcome], into: list[Any]) -> Exception | None:
    """Take all there is into a list; the error that ended the stream."""
    try:
        for outcome in stream:
            into.append(outcome.source)
    except Exception as error:
        return error
    return None


def test_in_order(server: KServe, connect: Any, release: threading.Event) -> None:
    """The first image is answered last, and still comes first."""

    def respond(image: bytes) -> Any:
        if image == b"0":
            release.wait()
        elif image == b"7":
            release.set()
        return MALIGNANT_ANSWER

    server.respond = respond
    outcomes = list(connect(server).classify_many(numbered(20), in_flight=4))
    assert [outcome.source for outcome in outcomes] == list(numbered(20))
    assert all(outcome.result is not None for outcome in outcomes)


def test_as_they_come(server: KServe, connect: Any, release: threading.Event) -> None:
    def respond(image: bytes) -> Any:
        if image == b"0":
            release.wait()
        return MALIGNANT_ANSWER

    server.respond = respond
    stream = connect(server).classify_many(numbered(20), ordered=False, in_flight=4)
    others = [next(stream).source for _ in range(19)]
    assert sorted(others) == sorted(itertools.islice(numbered(20), 1, None))
    release.set()
    assert next(stream).source == b"0"
    assert next(stream, None) is None


@pytest.mark.parametrize("in_flight", [1, 5])
def test_no_more_in_flight_than_asked(server: KServe, connect: Any, in_flight: int) -> None:
    together = threading.Barrier(in_flight)

    def respond(_: bytes) -> Any:
        together.wait()  # as many as allowed must arrive together, or this never ends
        return MALIGNANT_ANSWER

    server.respond = respond
    outcomes = list(connect(server).classify_many(numbered(in_flight * 6), in_flight=in_flight))
    assert len(outcomes) == in_flight * 6
    assert server.most_in_flight == in_flight


@pytest.mark.parametrize("ordered", [True, False])
def test_source_is_not_read_far_ahead(server: KServe, connect: Any, ordered: bool) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x"

    stream = connect(server).classify_many(endless(), ordered=ordered, in_flight=4)
    for handed_over in range(1, 100):
        next(stream)
        assert taken <= handed_over + 2 * 4
    stream.close()


def test_nothing_to_do(server: KServe, connect: Any) -> None:
    assert list(connect(server).classify_many([])) == []
    assert server.asked == 0


def test_one_bad_image_is_one_bad_outcome(
    server: KServe, connect: Any, images: Callable[..., list[str]], tmp_path: Path
) -> None:
    paths = [*images("benign", "torn", "fails", "", "pre"), str(tmp_path / "none.jpg")]
    outcomes = list(connect(server).classify_many(paths))
    assert [outcome.source for outcome in outcomes] == paths
    assert [outcome.error and outcome.error.code for outcome in outcomes] == [
        None,
        "image_truncated",
        "inference_failed",
        "image_empty",
        None,
        "file_not_found",
    ]
    assert outcomes[0].unwrap().label.value == "benign"
    with pytest.raises(InferenceError):
        outcomes[2].unwrap()


@pytest.mark.parametrize("ordered", [True, False])
def test_server_gone_keeps_what_was_finished(server: KServe, connect: Any, ordered: bool) -> None:
    """Image 5 finds no server; what the others got is handed over before the error."""
    answered: list[bytes] = []
    lock = threading.Lock()
    enough = threading.Event()

    def respond(image: bytes) -> Any:
        if image == b"5":
            enough.wait()
            raise Refused(grpc.StatusCode.UNAVAILABLE, "going down")
        with lock:
            answered.append(image)
            if len(answered) == 7:  # all of the window that image 5 lets be finished
                enough.set()
        return MALIGNANT_ANSWER

    server.respond = respond
    stream = connect(server, retry=QUICK).classify_many(
        numbered(10**6), ordered=ordered, in_flight=4
    )
    finished: list[Any] = []
    error = drain(stream, finished)
    assert isinstance(error, ServerUnavailableError)
    assert "going down" in str(error)
    assert b"5" not in finished
    assert len(set(finished)) == len(finished) >= 7
    if ordered:
        assert finished == sorted(finished, key=int)
    assert server.asked < 100


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, ModelNotReadyError),
        (grpc.StatusCode.UNAUTHENTICATED, ConfigurationError),
    ],
)
def test_errors_that_every_image_would_meet_end_it(
    server: KServe, connect: Any, status: Any, kind: Any
) -> None:
    def respond(_: bytes) -> Any:
        raise Refused(status, "no")

    server.respond = respond
    with pytest.raises(kind):
        list(connect(server).classify_many(numbered(10**6), in_flight=4))
    assert server.asked <= 4


def test_a_server_that_only_fails_is_given_up(server: KServe, connect: Any) -> None:
    stream = connect(server).classify_many(itertools.repeat(b"fails"), in_flight=4)
    failed: list[Any] = []
    assert isinstance(drain(stream, failed), InferenceError)
    assert 16 <= len(failed) <= server.asked < 16 + 2 * 4


def test_failures_between_answers_are_no_reason_to_stop(server: KServe, connect: Any) -> None:
    sources = [b"fails", b"fails", b"pre"] * 20
    outcomes = list(connect(server).classify_many(sources, in_flight=2))
    assert sum(outcome.error is not None for outcome in outcomes) == 40


def test_many_bad_files_are_no_reason_to_stop(server: KServe, connect: Any) -> None:
    outcomes = list(connect(server).classify_many([b"", b"torn"] * 50, in_flight=2))
    assert len(outcomes) == 100


@pytest.mark.parametrize("ordered", [True, False])
def test_error_of_the_source_follows_what_it_gave(
    server: KServe, connect: Any, ordered: bool
) -> None:
    def breaks() -> Iterator[bytes]:
        yield from numbered(10)
        raise OSError("the list is gone")

    stream = connect(server).classify_many(breaks(), ordered=ordered, in_flight=3)
    finished: list[Any] = []
    assert isinstance(drain(stream, finished), OSError)
    assert sorted(finished, key=int) == list(numbered(10))


def test_in_flight_of_none(server: KServe, connect: Any) -> None:
    with pytest.raises(ConfigurationError, match="in_flight must be at least 1"):
        list(connect(server).classify_many([b"x"], in_flight=0))


def test_results_do_not_wait_for_a_slow_source(
    server: KServe, connect: Any, release: threading.Event
) -> None:
    def slow() -> Iterator[bytes]:
        yield b"first"
        release.wait()
        yield b"second"

    stream = connect(server).classify_many(slow())
    assert next(stream).source == b"first"
    release.set()
    assert next(stream).source == b"second"


@pytest.mark.parametrize("leave", ["close", "drop"])
def test_leaving_early_cancels_what_is_in_flight(
    server: KServe, release: threading.Event, leave: str
) -> None:
    arrived = threading.Semaphore(0)

    def respond(image: bytes) -> Any:
        if image != b"0":
            arrived.release()
            release.wait()
        return MALIGNANT_ANSWER

    server.respond = respond
    with Client(server.address) as client:
        stream = client.classify_many(numbered(10**6), in_flight=4)
        assert next(stream).source == b"0"
        for _ in range(4):
            assert arrived.acquire(timeout=60)
        if leave == "close":
            stream.close()
        else:
            del stream
            gc.collect()
        for _ in range(4):
            assert server.cancelled.acquire(timeout=60)
        release.set()
        assert client.classify(b"0").label.value == "malignant"  # the client itself goes on


def test_stop_gives_what_was_finished(server: KServe, release: threading.Event) -> None:
    """Image 1 holds up all others in order; stopping drops it and hands over the rest."""
    finished = threading.Semaphore(0)

    def respond(image: bytes) -> Any:
        if image == b"1":
            release.wait()
        finished.release()
        return MALIGNANT_ANSWER

    server.respond = respond
    with Client(server.address) as client:
        stream = client.classify_many(numbered(10**6), in_flight=2)
        assert next(stream).source == b"0"
        for _ in range(4):
            assert finished.acquire(timeout=60)
        stream.stop()
        rest = [outcome.source for outcome in stream]
    assert b"1" not in rest
    assert rest[:2] == [b"2", b"3"]


def test_stop_does_not_wait_for_a_silent_source(server: KServe, release: threading.Event) -> None:
    def silent() -> Iterator[bytes]:
        yield b"first"
        release.wait()

    with Client(server.address) as client:
        stream = client.classify_many(silent())
        next(stream)
        stream.stop()
        assert list(stream) == []


def test_stop_reaches_a_pause_between_tries(server: KServe) -> None:
    asked = threading.Event()

    def respond(_: bytes) -> Any:
        asked.set()
        raise Refused(grpc.StatusCode.UNAVAILABLE, "later")

    server.respond = respond
    patient = Retry(3600, first_contact=3600, first=600, longest=600)
    with Client(server.address, retry=patient) as client:
        stream = client.classify_many(numbered(1))
        assert asked.wait(timeout=60)
        stream.stop()
        assert list(stream) == []


def test_memory_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 images of 10 kB: 200 MB, were they held. The network is left out for speed."""
    from allclient.client.stream import Stream

    result = object()

    def run(count: int) -> int:
        sources = (bytes(10_000) for _ in range(count))
        stream = Stream(sources, lambda image, _: result, ordered=True, in_flight=8)  # type: ignore[arg-type,return-value]
        tracemalloc.reset_peak()
        assert sum(outcome.result is result for outcome in stream) == count
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        run(100)
        assert run(20_000) < run(1_000) + 2_000_000
    finally:
        tracemalloc.stop()


def test_large_images_go_one_after_the_other(
    server: KServe, connect: Any, monkeypatch: Any
) -> None:
    for kind in ("Budget", "AsyncBudget"):
        monkeypatch.setattr(f"allclient.client.budget.{kind}.__init__.__defaults__", (1000,))
    outcomes = list(connect(server).classify_many([bytes(2000)] * 20, in_flight=8))
    assert len(outcomes) == 20
    assert server.most_in_flight == 1


def test_a_thread_for_each_image_and_no_more(server: KServe) -> None:
    def workers() -> int:
        return sum(thread.name == "allclient-classify" for thread in threading.enumerate())

    with Client(server.address) as client:
        before = workers()
        stream = client.classify_many(numbered(2), in_flight=500)
        assert len(list(stream)) == 2
        assert workers() - before <= 3


def test_several_threads_share_a_client(server: KServe) -> None:
    server.respond = lambda image: BENIGN_ANSWER if image == b"b" else MALIGNANT_ANSWER
    wrong: list[Outcome] = []

    def work(image: bytes, label: str) -> None:
        for outcome in client.classify_many([image] * 50, in_flight=8):
            if outcome.unwrap().label.value != label:
                wrong.append(outcome)

    with Client(server.address) as client:
        threads = [
            threading.Thread(target=work, args=pair)
            for pair in [(b"b", "benign"), (b"m", "malignant")] * 3
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
    assert server.asked == 300


# What only asyncio has


async def test_asynchronous_source(server: KServe) -> None:
    async def sources() -> AsyncIterator[bytes]:
        for image in numbered(10):
            await asyncio.sleep(0)
            yield image

    async with AsyncClient(server.address) as client:
        outcomes = [outcome.source async for outcome in client.classify_many(sources())]
    assert outcomes == list(numbered(10))


async def test_cancelled_task_cancels_its_request(server: KServe, release: threading.Event) -> None:
    arrived = threading.Event()
    server.respond = lambda _: (arrived.set(), release.wait(), MALIGNANT_ANSWER)[2]
    async with AsyncClient(server.address) as client:
        task = asyncio.create_task(client.classify(b"x"))
        assert await asyncio.to_thread(arrived.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.cancelled.acquire, timeout=60)


async def test_leaving_an_async_loop_early_leaves_no_task(
    server: KServe, release: threading.Event
) -> None:
    arrived = threading.Semaphore(0)

    def respond(image: bytes) -> Any:
        if image != b"0":
            arrived.release()
            release.wait()
        return MALIGNANT_ANSWER

    server.respond = respond
    before = asyncio.all_tasks()
    async with AsyncClient(server.address) as client:
        async with aclosing(client.classify_many(numbered(10**6), in_flight=4)) as stream:
            async for outcome in stream:
                assert outcome.source == b"0"
                for _ in range(4):
                    assert await asyncio.to_thread(arrived.acquire, timeout=60)
                break
        assert asyncio.all_tasks() == before
        for _ in range(4):
            assert await asyncio.to_thread(server.cancelled.acquire, timeout=60)


async def test_async_memory_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    async def infer(self: Any, image: bytes, question: object) -> object:
        return image[:0]

    monkeypatch.setattr("allclient.transport.aio.AsyncTransport.infer", infer)

    async def run(count: int) -> int:
        sources = (bytes(10_000) for _ in range(count))
        tracemalloc.reset_peak()
        async with AsyncClient("127.0.0.1:1") as client:
            seen = [1 async for _ in client.classify_many(sources, in_flight=8)]
        assert len(seen) == count
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        await run(100)
        assert await run(4_000) < await run(1_000) + 2_000_000
    finally:
        tracemalloc.stop()
