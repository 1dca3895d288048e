"""AsyncClient and event loops: made before one, used in one after another, in several at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from allclient import AsyncClient
from allclient.errors import ServerError
from allclient.transport import Retry
from tests.unit.client.kserve import KServe


async def labels(client: AsyncClient) -> list[str]:
    return [
        outcome.unwrap().label.value
        async for outcome in client.classify_many([b"benign", b"pre", b"benign"])
    ]


def test_made_before_any_loop_and_used_in_several(server: KServe) -> None:
    client = AsyncClient(server.address)
    for _ in range(3):
        assert asyncio.run(labels(client)) == ["benign", "malignant", "benign"]
    assert len(client._transport._clients) == 1  # those of loops that have ended are gone
    asyncio.run(client.close())


def test_made_after_a_loop_has_ended(server: KServe) -> None:
    asyncio.run(asyncio.sleep(0))
    client = AsyncClient(server.address)  # there is no current event loop now
    assert asyncio.run(client.classify(b"benign")).label.value == "benign"
    asyncio.run(client.close())


def test_made_in_one_loop_and_used_in_another(server: KServe) -> None:
    async def make() -> AsyncClient:
        client = AsyncClient(server.address)
        await client.health()
        return client

    client = asyncio.run(make())
    assert asyncio.run(client.classify(b"benign")).label.value == "benign"
    asyncio.run(client.close())


def test_several_loops_at_once(server: KServe) -> None:
    """The loops of four threads, all at work when each of them asks."""
    client = AsyncClient(server.address)
    together = threading.Barrier(4)
    found: list[Any] = []

    async def work() -> None:
        await client.classify(b"benign")
        await asyncio.to_thread(together.wait)
        for _ in range(20):
            found.append(await labels(client))
        await asyncio.to_thread(together.wait)

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["benign", "malignant", "benign"]] * 80
    asyncio.run(client.close())


def test_closing_in_one_loop_closes_the_connections_of_others(server: KServe) -> None:
    client = AsyncClient(server.address)
    used, closed = threading.Event(), threading.Event()
    left: list[int] = []

    async def other() -> None:
        await client.classify(b"benign")
        ((theirs,),) = client._transport._clients.values()
        used.set()
        await asyncio.to_thread(closed.wait)
        await asyncio.sleep(0)
        left.append(theirs._channel.get_state().value[0])

    thread = threading.Thread(target=asyncio.run, args=(other(),))
    thread.start()
    assert used.wait(60)
    asyncio.run(client.close())
    closed.set()
    thread.join()
    assert left == [4]  # SHUTDOWN


def test_loops_leave_no_word_on_standard_error(server: KServe) -> None:
    """Neither a warning, nor an error of a channel whose loop has ended, nor one at the end."""
    code = f"""
import asyncio, gc
from allclient import AsyncClient
client = AsyncClient({server.address!r})
for _ in range(3):
    asyncio.run(client.classify(b"benign"))
    gc.collect()
"""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_no_server_in_a_second_loop(server: KServe) -> None:
    client = AsyncClient(server.address, retry=Retry(seconds=0.5))
    assert asyncio.run(client.classify(b"benign")).label.value == "benign"
    server.stop()
    with pytest.raises(ServerError):
        asyncio.run(client.classify(b"benign"))
    asyncio.run(client.close())
