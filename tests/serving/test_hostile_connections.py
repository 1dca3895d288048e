"""Connections that are opened, flooded or left alone on purpose: others notice nothing."""

from __future__ import annotations

import random
import resource
import socket
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest

from allclient import Client
from allclient.contract import MAX_MESSAGE_BYTES
from allclient.local.supervisor import CONNECTIONS
from samples import render
from tests.serving import raw_http2 as http2
from tests.serving.raw_requests import Bystander, infer_request, new_channel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allclient.local import LocalServer

FRAMES = 20_000


@pytest.fixture(scope="module")
def image() -> bytes:
    return render.encoded(count=1, seed=47)[0]


@pytest.fixture(scope="module")
def message() -> bytes:
    """A request to the vote, which fits into the window of a connection."""
    data: bytes = infer_request("vote", b"").SerializeToString()
    return data


@pytest.fixture(autouse=True)
def _nobody_else_notices(server: LocalServer, image: bytes) -> Iterator[None]:
    pid = server.pid
    with Bystander(server.grpc_address, image) as other:
        yield
    assert other.failures == []
    assert server.exit_status() is None
    assert server.pid == pid


def test_more_connections_than_a_program_usually_may_have(
    server: LocalServer, image: bytes
) -> None:
    """They say nothing, or a part of what a connection begins with."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert psutil.Process(server.pid).rlimit(psutil.RLIMIT_NOFILE)[0] == min(hard, CONNECTIONS)
    count = min(1500, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    host, _, port = server.grpc_address.rpartition(":")
    with ExitStack() as open_ones:
        for number in range(count):
            connection = socket.create_connection((host, int(port)), timeout=60)
            open_ones.enter_context(connection)
            connection.sendall(http2.PREFACE[: number % 24])
        with Client(server.grpc_address) as client:
            assert client.classify(image).votes


def test_calls_that_are_reset_at_once(server: LocalServer, message: bytes) -> None:
    """Thousands on one connection, with and without their content."""
    with http2.connect(server.grpc_address) as connection:
        for turn in range(4000):
            stream = 2 * turn + 1
            sent = http2.frame(http2.HEADERS, http2.END_HEADERS, stream, http2.HEAD)
            if turn % 2:
                sent = http2.call(stream, message)
            if not http2.send(connection, sent + http2.frame(http2.RESET, 0, stream, http2.CANCEL)):
                break
            if turn % 8 == 0:
                http2.received(connection, 0.001)


def test_calls_that_are_begun_and_left(server: LocalServer) -> None:
    with http2.connect(server.grpc_address) as connection:
        for turn in range(2000):
            begun = http2.frame(http2.HEADERS, http2.END_HEADERS, 2 * turn + 1, http2.HEAD)
            if not http2.send(connection, begun):
                break
        http2.received(connection, 0.5)


def test_answers_that_nobody_takes(server: LocalServer, message: bytes) -> None:
    """The window for what the server sends is 0."""
    nothing = struct.pack(">HI", 4, 0)
    with http2.connect(server.grpc_address, nothing) as connection:
        for turn in range(100):
            if not http2.send(connection, http2.call(2 * turn + 1, message)):
                break
            time.sleep(0.005)
        time.sleep(0.5)


def test_farewells_in_the_middle(server: LocalServer, message: bytes) -> None:
    for turn in range(100):
        with http2.connect(server.grpc_address) as connection:
            last = (0).to_bytes(4, "big") + (turn % 14).to_bytes(4, "big")
            http2.send(connection, http2.call(1, message) + http2.frame(http2.GOAWAY, 0, 0, last))
            time.sleep(turn % 10 * 0.002)


@pytest.mark.parametrize("what", ["settings", "pings", "headers without end", "large headers"])
def test_floods_of_frames(server: LocalServer, what: str) -> None:
    with http2.connect(server.grpc_address) as connection:
        if what in ("headers without end", "large headers"):
            http2.send(connection, http2.frame(http2.HEADERS, 0, 1, http2.HEAD))
        for number in range(FRAMES):
            sent = {
                "settings": http2.frame(http2.SETTINGS, 0, 0, struct.pack(">HI", 4, number)),
                "pings": http2.frame(http2.PING, 0, 0, b"12345678"),
                "headers without end": http2.frame(http2.CONTINUATION, 0, 1),
                "large headers": http2.frame(
                    http2.CONTINUATION, 0, 1, http2.field(b"h%d" % number, b"x" * 1000)
                ),
            }[what]
            if not http2.send(connection, sent):
                break
            if number % 1000 == 0:
                http2.received(connection, 0.001)


def test_frames_made_up_at_random(server: LocalServer) -> None:
    rng = random.Random(FRAMES)
    for _ in range(100):
        with http2.connect(server.grpc_address) as connection:
            for _ in range(20):
                payload = rng.randbytes(rng.choice((0, 1, 4, 5, 8, 30, http2.WHOLE_FRAME)))
                kind, flags = rng.randrange(12), rng.randrange(256)
                stream = rng.choice((0, 1, 2, 3, 2**31 - 1))
                if not http2.send(connection, http2.frame(kind, flags, stream, payload)):
                    break


def test_a_message_larger_than_any_client_sends(server: LocalServer) -> None:
    """The message has half a gigabyte; Triton by itself takes up to 2."""
    with new_channel(server.grpc_address) as channel:
        ask = channel.unary_unary(http2.INFER.decode())
        with pytest.raises(grpc.RpcError) as refused:
            ask(bytes(MAX_MESSAGE_BYTES + 1), timeout=60)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_call_made_of_frames_is_answered(server: LocalServer, message: bytes) -> None:
    """So the calls above reach the model."""
    with http2.connect(server.grpc_address) as connection:
        connection.sendall(http2.call(1, message))
        wanted = b"PROBABILITIES"
        assert wanted in http2.received(connection, 60, until=wanted)
