"""Clients that are killed, cancelled and late at random, while others work through the same server.

At the end every image of the others is answered as if nobody else had been there, each once, and
the server is the process that it was. It takes half a minute on two quiet cores;
``ALLCLIENT_TORTURE=30 pytest tests/serving/test_torture.py`` takes a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from allclient import AsyncClient, Client
from allclient.contract import CASCADE, CLASSES, ENSEMBLE, MODELS
from samples import render
from tests.serving.raw_requests import infer_request, new_channel, stub

if TYPE_CHECKING:
    from collections.abc import Callable

    from allclient.local import LocalServer

ROUNDS = 10 * int(os.environ.get("ALLCLIENT_TORTURE", "1"))
"""How often each of the four clients that work sends all images."""

IMAGES = 24
SEED = 61


def cancel(address: str, request: Any, rng: random.Random) -> None:
    with new_channel(address) as channel:
        calls = [stub(channel).ModelInfer.future(request) for _ in range(rng.randint(1, 6))]
        time.sleep(rng.uniform(0, 0.06))
        for call in calls:
            call.cancel()


def be_late(address: str, request: Any, rng: random.Random) -> None:
    with new_channel(address) as channel:
        seconds = [rng.uniform(0.0005, 0.06) for _ in range(rng.randint(1, 6))]
        calls = [stub(channel).ModelInfer.future(request, timeout=each) for each in seconds]
        for call in calls:
            call.code()


def close(address: str, request: Any, rng: random.Random) -> None:
    channel = new_channel(address)
    for _ in range(rng.randint(1, 6)):
        stub(channel).ModelInfer.future(request)
    time.sleep(rng.uniform(0, 0.06))
    channel.close()


def ask_texts_for_classes(address: str, request: Any, rng: random.Random) -> None:
    request = type(request).FromString(request.SerializeToString())
    for name in MODELS[request.model_name].outputs:
        entry = request.outputs.add()
        entry.name = name
        entry.parameters["classification"].int64_param = rng.choice((1, 2, 2**40))
    with new_channel(address) as channel:
        stub(channel).ModelInfer.future(request).code()


def lie_about_lengths(address: str, request: Any, rng: random.Random) -> None:
    request = type(request).FromString(request.SerializeToString())
    request.raw_input_contents[0] = b"\xff\xff\xff" + request.raw_input_contents[0]
    with new_channel(address) as channel:
        stub(channel).ModelInfer.future(request).code()


def stream(address: str, request: Any, rng: random.Random) -> None:
    with new_channel(address) as channel:
        call = stub(channel).ModelStreamInfer(iter([request] * 3))
        time.sleep(rng.uniform(0, 0.005))
        call.cancel()


def break_off_http(address: str, request: Any, rng: random.Random) -> None:
    host, _, port = address.rpartition(":")
    body = rng.choice((b'{"inputs":' + b"[" * 100_000, b"{" * 5000, b"x" * 300_000))
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        path = f"/v2/models/{request.model_name}/infer"
        connection.sendall(f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        connection.sendall(body[: rng.randint(1, len(body))])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


OVER_GRPC = (cancel, be_late, close, ask_texts_for_classes, lie_about_lengths, stream)


class Tormentors:
    """Threads that do such things, one after the other, until they are told to stop."""

    def __init__(self, server: LocalServer, images: list[bytes], folder: Path) -> None:
        self.done = threading.Event()
        self.acts: Counter[str] = Counter()
        assert server.http_address is not None
        self._grpc, self._http = server.grpc_address, server.http_address
        self._images, self._folder = images, folder

    def misbehave(self, seed: int) -> None:
        rng = random.Random(seed)
        while not self.done.is_set():
            act: Callable[[str, Any, random.Random], None] = rng.choice(
                (*OVER_GRPC, break_off_http)
            )
            address = self._http if act is break_off_http else self._grpc
            act(address, infer_request(rng.choice(list(MODELS)), rng.choice(self._images)), rng)
            self.acts[act.__name__] += 1
            time.sleep(rng.uniform(0, 0.2))

    def kill_commands(self, seed: int) -> None:
        """``allclient classify`` is ended in the middle of its work."""
        rng = random.Random(seed)
        while not self.done.is_set():
            model = rng.choice((ENSEMBLE, CASCADE))
            command = subprocess.Popen(
                classify(self._folder, self._grpc, "--model", model),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            try:
                assert command.stdout is not None
                command.stdout.readline()
                time.sleep(rng.uniform(0, 0.5))
                number = rng.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
                command.send_signal(number)
            finally:
                command.communicate()
            self.acts[number.name] += 1
            self.done.wait(2)


def classify(folder: Path, address: str, *options: str) -> list[str]:
    start = [sys.executable, "-m", "allclient", "classify", str(folder), "--server", address]
    return [*start, "--format", "jsonl", *options]


@pytest.mark.timeout(240 * ROUNDS)
def test_others_are_answered_whatever_some_clients_do(
    open_server: LocalServer, tmp_path: Path
) -> None:
    folder = tmp_path / "smears"
    render.folder(folder, count=IMAGES, seed=SEED)
    paths = sorted(folder.iterdir())
    images = [path.read_bytes() for path in paths]
    address, pid = open_server.grpc_address, open_server.pid
    with Client(address) as client, Client(address, model=CASCADE) as cascade:
        whole = [outcome.unwrap().votes for outcome in client.classify_many(images)]
        short = [outcome.unwrap().votes for outcome in cascade.classify_many(images)]

    def work(model: str, expected: list[Any]) -> None:
        with Client(address, model=model) as client:
            outcomes = client.classify_many(image for _ in range(ROUNDS) for image in images)
            assert [outcome.unwrap().votes for outcome in outcomes] == expected * ROUNDS

    async def work_with_asyncio() -> None:
        async with AsyncClient(address) as client:
            outcomes = client.classify_many(image for _ in range(ROUNDS) for image in images)
            assert [each.unwrap().votes async for each in outcomes] == whole * ROUNDS

    def work_with_the_command() -> None:
        for _ in range(ROUNDS):
            command = subprocess.run(
                classify(folder, address), capture_output=True, text=True, check=False
            )
            assert command.returncode == 0, command.stderr
            rows = [json.loads(line) for line in command.stdout.splitlines()]
            assert [row["file"] for row in rows] == [str(path) for path in paths]
            votes = [tuple(row["votes"].values()) for row in rows]
            assert votes == [tuple(vote.value for vote in each.values()) for each in whole]

    tormentors = Tormentors(open_server, images, folder)
    with ThreadPoolExecutor(8) as pool:
        torment = [
            *(pool.submit(tormentors.misbehave, seed) for seed in range(3)),
            pool.submit(tormentors.kill_commands, SEED),
        ]
        good = [
            pool.submit(work, ENSEMBLE, whole),
            pool.submit(work, CASCADE, short),
            pool.submit(asyncio.run, work_with_asyncio()),
            pool.submit(work_with_the_command),
        ]
        try:
            for each in good:
                each.result()
        finally:
            tormentors.done.set()
        for each in torment:
            each.result()
    assert {act.__name__ for act in (*OVER_GRPC, break_off_http)} <= tormentors.acts.keys()
    assert {"SIGKILL", "SIGTERM", "SIGINT"} & tormentors.acts.keys()
    assert open_server.exit_status() is None
    assert open_server.pid == pid
    print(dict(tormentors.acts))


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE, CLASSES])
def test_nothing_is_left_of_calls_that_are_given_up(open_server: LocalServer, model: str) -> None:
    """The server has nothing more to do soon after, and no request is for ever."""
    (image,) = render.encoded(count=1, seed=SEED)
    request = infer_request(model, image)
    rng = random.Random(SEED)
    for _ in range(20):
        cancel(open_server.grpc_address, request, rng)
    while sum(pending(open_server).values()):
        time.sleep(0.1)
    with new_channel(open_server.grpc_address) as channel:
        assert stub(channel).ModelInfer(request).outputs


def pending(server: LocalServer) -> dict[str, float]:
    """The requests that wait, by model."""
    with urllib.request.urlopen(f"http://{server.metrics_address}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found = re.findall(r'^nv_inference_pending_request_count{model="(\w+)",.*} (\S+)$', text, re.M)
    assert len(found) == len(MODELS)
    return {model: float(count) for model, count in found}
