"""A network between client and server that is slow and breaks: a proxy on this machine."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Final

_PIECE: Final = 16_384
_RESET: Final = struct.pack("ii", 1, 0)


class BadNetwork:
    """Passes connections on to ``target`` (HOST:PORT) for the length of a ``with`` block.

    Every connection is cut in the end. One of three is cut soon, though not before an image of
    ``image_bytes`` can have passed; one of three is slow, 64 kB/s in small pieces. ``done`` counts.
    """

    def __init__(self, target: str, image_bytes: int, seed: int = 0) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._random = random.Random(seed)  # noqa: S311  it makes faults
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._soonest = 2 * image_bytes
        self._connections = 0
        self._open: set[asyncio.StreamWriter] = set()
        self.done: Counter[str] = Counter()
        self.address = ""

    def __enter__(self) -> BadNetwork:
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        )
        self._server = starting.result()
        self.address = "{}:{}".format(*self._server.sockets[0].getsockname())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        while self._open:
            for writer in self._open:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind = ("cut soon", "slow and cut", "cut late")[self._connections % 3]
        self._connections += 1
        limit = self._random.randint(self._soonest, 3 * self._soonest)
        limit *= 10 if kind == "cut late" else 1
        pause = _PIECE / 64_000 if kind == "slow" else 0.0
        self._open.add(writer)
        with suppress(OSError):
            there = await asyncio.open_connection(*self._target)
            ways = [
                asyncio.ensure_future(self._pass(reader, there[1], limit, pause)),
                asyncio.ensure_future(self._pass(there[0], writer, limit, pause)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                self.done[f"connections {kind}"] += 1
                for one in (writer, there[1]):
                    # With a reset, as a firewall or a cable that is pulled out and in again.
                    with suppress(OSError):
                        one.get_extra_info("socket").setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, _RESET
                        )
                    one.close()
        self._open.discard(writer)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        limit: int,
        pause: float,
    ) -> None:
        passed = 0
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                passed += len(piece)
                if passed > limit:
                    return
                await asyncio.sleep(pause)
                writer.write(piece)
                await writer.drain()
