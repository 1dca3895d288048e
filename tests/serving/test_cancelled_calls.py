"""However a client goes away, the server stays the same process and other clients notice nothing.

Triton 2.51 as it is dies of every test here, most within a second (``allclient.local.mend``).
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest

from allclient import Client
from allclient.contract import CASCADE, ENSEMBLE, MODELS
from samples import render
from tests.serving.raw_requests import Bystander, infer_request, new_channel, stub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allclient.local import LocalServer

ROUNDS = 20
"""One for each pause before the end; Triton as it is dies within the first few."""

AT_ONCE = 6


@pytest.fixture(scope="module")
def image() -> bytes:
    return render.encoded(count=1, seed=41)[0]


@pytest.fixture(autouse=True)
def _nobody_else_notices(server: LocalServer, image: bytes) -> Iterator[None]:
    pid = server.pid
    with Bystander(server.grpc_address, image) as other:
        yield
    assert other.failures == []
    assert server.exit_status() is None
    assert server.pid == pid


@pytest.mark.parametrize("model", MODELS)
def test_calls_that_are_cancelled(server: LocalServer, image: bytes, model: str) -> None:
    request = infer_request(model, image)
    with new_channel(server.grpc_address) as channel:
        ask = stub(channel)
        for turn in range(ROUNDS):
            calls = [ask.ModelInfer.future(request) for _ in range(AT_ONCE)]
            time.sleep(turn * 0.003)
            for call in calls:
                call.cancel()
        assert ask.ModelInfer(request).outputs


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_calls_whose_deadline_passes(server: LocalServer, image: bytes, model: str) -> None:
    request = infer_request(model, image)
    missed = 0
    with new_channel(server.grpc_address) as channel:
        ask = stub(channel)
        for turn in range(30):
            calls = [
                ask.ModelInfer.future(request, timeout=0.001 + 0.0005 * (turn % 20) * (place + 1))
                for place in range(AT_ONCE)
            ]
            missed += sum(call.code() is grpc.StatusCode.DEADLINE_EXCEEDED for call in calls)
        assert ask.ModelInfer(request).outputs
    assert missed > 30


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_connections_that_are_closed(server: LocalServer, image: bytes, model: str) -> None:
    request = infer_request(model, image)
    for turn in range(ROUNDS):
        channel = new_channel(server.grpc_address)
        ask = stub(channel)
        grpc.channel_ready_future(channel).result(120)
        for _ in range(AT_ONCE):
            ask.ModelInfer.future(request)
        time.sleep(turn * 0.003)
        channel.close()


def test_cancellations_that_meet_the_answer(server: LocalServer, image: bytes) -> None:
    """The vote answers within a millisecond or two, and so do many of these cancellations."""
    request = infer_request("vote", image)

    def storm(seed: int) -> None:
        rng = random.Random(seed)
        with new_channel(server.grpc_address) as channel:
            ask = stub(channel)
            for _ in range(700):
                calls = [ask.ModelInfer.future(request) for _ in range(3)]
                time.sleep(rng.uniform(0, 0.004))
                for call in calls:
                    call.cancel()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(storm, range(4)))


CLIENT = """
import signal
import sys
from allclient import Client
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
image = sys.stdin.buffer.read()
with Client(sys.argv[1], model=sys.argv[2]) as client:
    for outcome in client.classify_many(image for _ in range(100000)):
        outcome.unwrap()
        print("one", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_clients_that_are_ended_in_their_work(
    server: LocalServer, image: bytes, model: str, number: signal.Signals
) -> None:
    for _ in range(3):
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, server.grpc_address, model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(image)
            client.stdin.close()
            assert client.stdout.readline() == b"one\n"
            client.send_signal(number)
            client.stdout.read()
            assert client.wait(120) != 0
        finally:
            client.kill()
            client.wait()


def test_a_reader_that_goes_away(server: LocalServer, image: bytes) -> None:
    """``allclient classify ... | head -1`` leaves the rest of its images in the server."""
    for _ in range(3):
        with Client(server.grpc_address) as client:
            stream = client.classify_many(image for _ in range(64))
            assert next(stream).unwrap().votes
            stream.close()


def test_streams_are_refused(server: LocalServer, image: bytes) -> None:
    """They are nobody's need here, and this Triton does not outlive cancelled ones."""
    request = infer_request(ENSEMBLE, image)
    with new_channel(server.grpc_address) as channel:
        ask = stub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            list(ask.ModelStreamInfer(iter([request])))
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        said = refused.value.details()
        assert said == "this server has no streams (ModelStreamInfer); use ModelInfer"
        for turn in range(200):
            stream = ask.ModelStreamInfer(iter([request] * 3))
            time.sleep(turn % 5 * 0.001)
            stream.cancel()
