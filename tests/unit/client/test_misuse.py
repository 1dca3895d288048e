"""Calls that cannot work: each is refused with an AllclientError, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from allclient import AllclientError, AsyncClient, Client, Outcome, Retry, TlsOptions
from allclient.errors import ConfigurationError, ImageReadError, InferenceError
from tests.unit.client.kserve import MALIGNANT_ANSWER, KServe

WAIT = 60

NONSENSE: list[Any] = [
    None,
    -1,
    0,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x\ny",
    "a\0b",
    "\ud800",
    b"x",
    [],
    {1: "x"},
    {"A": "x"},
    {"a": 5},
    {"a": "x\n"},
    {"a-bin": "x"},
    object(),
    (1, 2),
    Path("x"),
]


def ours_or_fine(call: Callable[[], object]) -> None:
    """Whatever it does, no foreign exception comes out."""
    try:
        call()
    except AllclientError as error:
        assert str(error)  # noqa: PT017  the type is what is tested


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
@pytest.mark.parametrize(
    "name", ["address", "model", "timeout", "retry", "tls", "headers", "token"]
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_options_of_a_client(kind: Any, name: str, nonsense: Any) -> None:
    options = {"address": "127.0.0.1:1", name: nonsense}
    ours_or_fine(lambda: kind(**options))


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_options_of_retry_and_tls(nonsense: Any) -> None:
    for name in ("seconds", "first_contact", "first", "longest"):
        ours_or_fine(lambda name=name: Retry(**{name: nonsense}))
    ours_or_fine(lambda: TlsOptions(ca=nonsense))
    ours_or_fine(lambda: TlsOptions(cert=nonsense, key=nonsense))


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_arguments_of_calls(server: KServe, connect: Any, nonsense: Any) -> None:
    client = connect(server)
    for call in (
        lambda: client.classify(nonsense),
        lambda: list(client.classify_many(nonsense)),
        lambda: list(client.classify_many([nonsense])),
        lambda: list(client.classify_many([b"x"], in_flight=nonsense)),
        lambda: client.call("health", timeout=nonsense),
        lambda: client.call("server_metadata", timeout=nonsense),
    ):
        ours_or_fine(call)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "5", None, True])
def test_timeouts_that_are_no_time(server: KServe, connect: Any, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout must be above 0 seconds"):
        connect(server, timeout=seconds)
    with pytest.raises(ConfigurationError, match="timeout must be above 0 seconds"):
        connect(server).call("health", timeout=seconds)


@pytest.mark.parametrize("one", ["field.jpg", b"image", Path("field.jpg")])
def test_one_image_is_not_many(server: KServe, connect: Any, one: Any) -> None:
    with pytest.raises(ConfigurationError, match="sources is one image"):
        list(connect(server).classify_many(one))


def test_nothing_to_iterate_over(server: KServe, connect: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"sources must be an iterable .*, not int"):
        list(connect(server).classify_many(5))


def test_a_hole_in_a_list_of_paths_is_one_bad_outcome(server: KServe, connect: Any) -> None:
    outcomes = list(connect(server).classify_many([b"x", float("nan"), None, b"x"]))
    assert [isinstance(outcome.error, ImageReadError) for outcome in outcomes] == [
        False,
        True,
        True,
        False,
    ]
    assert "an image is a path or bytes, not float" in str(outcomes[1].error)


def test_kinds_of_bytes(server: KServe, connect: Any) -> None:
    class Encoded(bytes):
        pass

    assert connect(server).classify(Encoded(b"benign")).label.value == "benign"


class Refusing(BaseException):
    pass


@pytest.mark.parametrize("error", [OSError("gone"), KeyError("k"), Refusing(), MemoryError()])
def test_error_of_the_callers_own_iterable_is_passed_on(
    server: KServe, connect: Any, error: BaseException
) -> None:
    def breaks() -> Any:
        yield b"x"
        raise error

    stream = connect(server).classify_many(breaks())
    assert next(stream).result is not None
    with pytest.raises(type(error)):
        next(stream)


async def test_async_source_that_was_cancelled_is_no_silent_end(server: KServe) -> None:
    async def sources() -> AsyncIterator[bytes]:
        yield b"x"
        raise asyncio.CancelledError  # of a task that the source waited for

    async with AsyncClient(server.address) as client:
        stream = client.classify_many(sources())
        assert (await anext(stream)).result is not None
        with pytest.raises(asyncio.CancelledError):
            await anext(stream)


def test_closed_client(server: KServe, connect: Any) -> None:
    client = connect(server)
    client.call("close")
    for call in (
        lambda: client.classify(b"x"),
        lambda: list(client.classify_many([b"x"])),
        lambda: client.call("health"),
        lambda: client.call("server_metadata"),
        lambda: client.classify("/no/such/file.jpg"),
    ):
        with pytest.raises(ConfigurationError, match="this client is closed"):
            call()


def test_client_closed_meanwhile(server: KServe, release: threading.Event) -> None:
    arrived = threading.Event()
    server.respond = lambda _: (arrived.set(), release.wait(), MALIGNANT_ANSWER)[2]
    client = Client(server.address)
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            client.classify(b"x")
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert arrived.wait(WAIT)
    client.close()
    thread.join()
    assert [(type(error), str(error)) for error in errors] == [
        (ConfigurationError, "this client is closed")
    ]


async def test_async_client_closed_meanwhile(server: KServe, release: threading.Event) -> None:
    """gRPC cancels the waiting task then, which nobody had asked to be cancelled."""
    arrived = threading.Event()
    server.respond = lambda _: (arrived.set(), release.wait(), MALIGNANT_ANSWER)[2]
    client = AsyncClient(server.address)
    task = asyncio.create_task(client.classify(b"x"))
    assert await asyncio.to_thread(arrived.wait, WAIT)
    await client.close()
    with pytest.raises(ConfigurationError, match="this client is closed"):
        await task


def test_stream_whose_client_is_closed_ends(server: KServe, connect: Any) -> None:
    client = connect(server)
    stream = client.classify_many(b"x" for _ in range(10**6))
    assert next(stream).result is not None
    client.call("close")
    with pytest.raises(ConfigurationError, match="closed"):
        list(stream)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy])
def test_no_copies(kind: Any, how: Callable[[object], object]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be pickled or copied: make one in each"):
        how(kind("127.0.0.1:1"))


def test_outcomes_and_errors_can_be_pickled(server: KServe) -> None:
    with Client(server.address) as client:
        outcomes = list(client.classify_many([b"benign", b"torn", b"fails"]))
    copies: list[Outcome] = pickle.loads(pickle.dumps(outcomes))
    assert copies[0] == outcomes[0]
    assert isinstance(copies[2].error, InferenceError)
    assert [(c.error and c.error.code, str(c.error)) for c in copies] == [
        (o.error and o.error.code, str(o.error)) for o in outcomes
    ]


FORKING = """
import asyncio, os, signal, sys
from allclient import AsyncClient, Client

def in_fork(call):
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        signal.alarm(60)  # a child that waits for ever is a failure
        try:
            print("fine:", call())
        except BaseException as error:
            print(f"{{type(error).__name__}}: {{error}}")
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

client = Client({address!r})
client.classify(b"benign")
stream = client.classify_many(b"benign" for _ in range(10**6))
next(stream)
in_fork(lambda: client.classify(b"benign"))
in_fork(lambda: client.health())
in_fork(lambda: list(client.classify_many([b"benign"])))
in_fork(lambda: next(stream))
in_fork(stream.close)
in_fork(stream.__del__)
in_fork(client.close)
assert next(stream).result is not None  # the parent's goes on
stream.close()
client.close()

asynchronous = AsyncClient({address!r})
asyncio.run(asynchronous.classify(b"benign"))
in_fork(lambda: asyncio.run(asynchronous.classify(b"benign")))
in_fork(lambda: asyncio.run(asynchronous.close()))
asyncio.run(asynchronous.close())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_forked_clients_say_so_and_leave_without_waiting(server: KServe) -> None:
    """A child has no threads of its parent's client: calls would wait for ever."""
    done = subprocess.run(
        [sys.executable, "-c", FORKING.format(address=server.address)],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT * 5,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for line in (*lines[:4], lines[7]):
        assert line.startswith("ConfigurationError: this ")
        assert line.endswith("make a client in each process, after the fork")
    assert lines[4:7] == ["fine: None"] * 3
    assert lines[8:] == ["fine: None"]
