"""Makes the calls of an asyncio client, over one channel for each event loop that uses it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from allclient.errors import AllclientError, ConfigurationError
from allclient.result import Result
from allclient.transport import base
from allclient.transport.base import Ask, BaseTransport, Exchange
from allclient.transport.gate import AsyncGate
from allclient.transport.health import Health, ServerMetadata
from allclient.transport.limits import check_limits
from allclient.transport.options import Connection, check_seconds
from allclient.transport.question import PLAIN, Question
from allclient.transport.status import translate_local

T = TypeVar("T")


class AsyncTransport(BaseTransport):
    """Speaks gRPC to one server. Cancelling the awaiting task cancels the call.

    gRPC ties a channel to the event loop it was made in, so each loop gets its own at first use.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._clients: dict[asyncio.AbstractEventLoop, Any] = {}
        self._changing = threading.Lock()
        self._gate = AsyncGate()

    async def close(self) -> None:
        """Close the connection of every event loop that used it."""
        self._closed = True
        if not self.is_owner:
            return
        with self._changing:
            clients, self._clients = self._clients, {}
        running = asyncio.get_running_loop()
        for loop, client in clients.items():
            if loop is running:
                await client.close()
            elif loop.is_running():  # in another thread
                closing = client.close()
                with contextlib.suppress(RuntimeError):  # it has ended just now
                    asyncio.run_coroutine_threadsafe(closing, loop)

    def _client(self) -> Any:
        """Return the client of the running event loop."""
        self.check_open()
        loop = asyncio.get_running_loop()
        with self._changing:
            if loop not in self._clients:
                for ended in [other for other in self._clients if other.is_closed()]:
                    del self._clients[ended]
                check_limits()
                try:
                    made = InferenceServerClient(**self.connection.client_arguments())
                except Exception as error:
                    raise translate_local(error, self.connection.address) from error
                self._clients[loop] = made
            return self._clients[loop]

    async def infer(self, image: bytes, question: Question = PLAIN) -> Result:
        """Return the answer for one encoded image, as ``blocking.Transport.infer`` does.

        Raises:
            ImageRejectedError: the server refused the image.
            ServerError: there is no answer.
        """
        one = self._one(image, question)
        while True:
            try:
                async with self._gate.passing(one.alone):
                    with self._foreign_translated():
                        answer = await self._client().infer(**one.request)
            except InferenceServerException as error:
                pause = one.pause_after(error)
            else:
                return one.result(answer)
            await asyncio.sleep(pause)

    async def server_metadata(self, timeout: float) -> ServerMetadata:  # noqa: ASYNC109  gRPC's own
        """Return the server's name, version and extensions."""
        return await self._answer(base.server_metadata(), timeout)

    async def health(self, timeout: float) -> Health:  # noqa: ASYNC109  gRPC's own deadline
        """Return what the server says about itself.

        Raises:
            ServerUnavailableError: nobody answers at all.
        """
        return await self._answer(base.health(self.connection), timeout)

    async def _answer(self, exchange: Exchange[T], seconds: float) -> T:
        try:
            ask = next(exchange)
            while True:
                try:
                    answer = await self._ask(ask, seconds)
                except AllclientError as error:
                    ask = exchange.throw(error)
                else:
                    ask = exchange.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _ask(self, ask: Ask, seconds: float) -> Any:
        method = getattr(self._client(), ask.method)
        check_seconds(seconds)
        try:
            with self._foreign_translated():
                answer = await method(*ask.arguments, headers=self._headers, client_timeout=seconds)
        except InferenceServerException as error:
            raise self._translated(error) from error
        self._presence.answered()
        return answer

    @contextlib.contextmanager
    def _foreign_translated(self) -> Iterator[None]:
        """Translate every error but a cancelled task's own into ours."""
        try:
            yield
        except (AllclientError, InferenceServerException):
            raise
        except asyncio.CancelledError:
            # Closing a channel raises it in tasks that nobody has cancelled.
            task = asyncio.current_task()
            if not self._closed or (task is not None and task.cancelling()):
                raise
            raise ConfigurationError("this client is closed") from None
        except Exception as error:
            self.check_open()
            raise translate_local(error, self.connection.address) from error
