from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from allclient import AsyncClient, Client, Outcome, Result
from allclient.result import Source
from tests.unit.client.kserve import KServe


@pytest.fixture
def server() -> Iterator[KServe]:
    with KServe() as running:
        yield running


@pytest.fixture
def images(tmp_path: Path) -> Callable[..., list[str]]:
    """Files with the given content, named by number; the paths."""

    def write(*contents: str) -> list[str]:
        paths = []
        for number, content in enumerate(contents):
            path = tmp_path / f"field-{number:04d}.jpg"
            path.write_bytes(content.encode())
            paths.append(str(path))
        return paths

    return write


class Blocking:
    """``Client`` or ``AsyncClient`` behind the same blocking calls, to hold both to one test."""

    def __init__(self, kind: str, address: str, **options: Any) -> None:
        self._runner = asyncio.Runner() if kind == "AsyncClient" else None
        if self._runner is None:
            self._client: Any = Client(address, **options)
        else:
            self._client = self._runner.run(self._make(address, options))

    @staticmethod
    async def _make(address: str, options: dict[str, Any]) -> AsyncClient:
        return AsyncClient(address, **options)

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        answer = getattr(self._client, method)(*arguments, **options)
        return answer if self._runner is None else self._runner.run(answer)

    def classify(self, source: Source) -> Result:
        return self.call("classify", source)

    def classify_many(self, sources: Any, **options: Any) -> Iterator[Outcome]:
        stream = self._client.classify_many(sources, **options)
        if self._runner is None:
            yield from stream
            return
        try:
            while True:
                try:
                    yield self._runner.run(anext(stream))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(stream.aclose())

    def close(self) -> None:
        self.call("close")
        if self._runner is not None:
            self._runner.close()


@pytest.fixture(params=["Client", "AsyncClient"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Blocking]]:
    """Makes clients of both kinds and closes them."""
    made: list[Blocking] = []

    def make(server: KServe | str, **options: Any) -> Blocking:
        address = server if isinstance(server, str) else server.address
        made.append(Blocking(request.param, address, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Holds answers back until set; set at the end, so that no server thread is left waiting."""
    event = threading.Event()
    yield event
    event.set()
