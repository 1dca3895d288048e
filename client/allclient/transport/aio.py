"""Makes the calls of an asyncio client, over one channel for each event loop that uses it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any, TypeVar

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from allclient.errors import AllclientError, ConfigurationError
from allclient.result import Result
from allclient.transport import base
from allclient.transport.base import Ask, BaseTransport, Exchange, Questions
from allclient.transport.gate import AsyncGate
from allclient.transport.health import Health, ServerMetadata, worst
from allclient.transport.limits import check_limits
from allclient.transport.options import Connection, check_seconds
from allclient.transport.question import PLAIN, Question
from allclient.transport.riding import Deadline
from allclient.transport.servers import Server
from allclient.transport.status import translate_local

T = TypeVar("T")


class AsyncTransport(BaseTransport):
    """Speaks gRPC to each server. Cancelling the awaiting task cancels the call.

    gRPC ties a channel to the event loop it was made in, so each loop gets its own at first use.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._clients: dict[asyncio.AbstractEventLoop, list[Any]] = {}
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
        for loop, client in [(loop, one) for loop, ours in clients.items() for one in ours]:
            if loop is running:
                await client.close()
            elif loop.is_running():  # in another thread
                closing = client.close()
                with contextlib.suppress(RuntimeError):  # it has ended just now
                    asyncio.run_coroutine_threadsafe(closing, loop)

    def _client(self, server: Server) -> Any:
        """Return the client of the running event loop for one server."""
        self.check_open()
        loop = asyncio.get_running_loop()
        with self._changing:
            if loop not in self._clients:
                for ended in [other for other in self._clients if other.is_closed()]:
                    del self._clients[ended]
                check_limits()
                self._clients[loop] = [_made(one.connection) for one in self._servers]
            return self._clients[loop][server.number]

    async def infer(self, image: bytes, question: Question = PLAIN) -> Result:
        """Return the answer for one encoded image, as ``blocking.Transport.infer`` does.

        Raises:
            ImageRejectedError: the server refused the image.
            ServerError: there is no answer.
        """
        one = self._one(image, question)
        while True:
            async with self._gate.passing(one.alone):
                with self._servers.chosen() as server:
                    try:
                        with self._foreign_translated(server):
                            answer = await self._client(server).infer(**one.sending())
                    except InferenceServerException as error:
                        pause = one.pause_after(error, server)
                    else:
                        return one.result(answer, server)
            await asyncio.sleep(pause)

    async def server_metadata(self, timeout: float) -> ServerMetadata:  # noqa: ASYNC109  gRPC's own
        """Return the server's name, version and extensions."""
        return await self._answer(base.server_metadata, timeout)

    async def health(self, timeout: float) -> Health:  # noqa: ASYNC109  gRPC's own deadline
        """Return what the server says about itself, as ``blocking.Transport.health`` does.

        Raises:
            ServerUnavailableError: nobody answers at all.
        """
        return worst([state async for state in self._ask_each(base.health, timeout)])

    async def _answer(self, questions: Questions[T], seconds: float) -> T:
        """Return what the first server says that says anything."""
        async with contextlib.aclosing(self._ask_each(questions, seconds)) as answers:
            return await anext(answers)

    async def _ask_each(self, questions: Questions[T], seconds: float) -> AsyncGenerator[T]:
        """Yield what each server says that says anything; raises where none does."""
        silence: AllclientError | None = None
        answered = False
        for server in self._servers:
            try:
                answer = await self._exchange(questions(server.connection), seconds, server)
            except base.SILENT as error:
                silence = silence or error
            else:
                answered = True
                yield answer
        if silence is not None and not answered:
            raise silence

    async def _exchange(self, exchange: Exchange[T], seconds: float, server: Server) -> T:
        try:
            ask = next(exchange)
            while True:
                try:
                    answer = await self._ask(ask, seconds, server)
                except AllclientError as error:
                    ask = exchange.throw(error)
                else:
                    ask = exchange.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _ask(self, ask: Ask, seconds: float, server: Server) -> Any:
        method = getattr(self._client(server), ask.method)
        check_seconds(seconds)
        deadline = Deadline(seconds)
        while True:
            try:
                with self._foreign_translated(server):
                    answer = await method(
                        *ask.arguments, headers=self._headers, client_timeout=seconds
                    )
            except InferenceServerException as error:
                if not deadline.came_early(error):
                    raise self._translated(error, server) from error
                deadline.begin()
            else:
                self._presence.answered()
                return answer

    @contextlib.contextmanager
    def _foreign_translated(self, server: Server) -> Iterator[None]:
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
            raise translate_local(error, server.connection.address) from error


def _made(connection: Connection) -> Any:
    try:
        return InferenceServerClient(**connection.client_arguments())
    except Exception as error:
        raise translate_local(error, connection.address) from error
