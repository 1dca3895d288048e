"""The calls of an asyncio client, over one channel for each event loop that uses it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from allclient.errors import AllclientError, ConfigurationError
from allclient.result import Result
from allclient.transport.codec import decode, encode
from allclient.transport.gate import AsyncGate
from allclient.transport.health import (
    Health,
    ServerMetadata,
    contract_problems,
    gives_cells,
)
from allclient.transport.limits import check_limits
from allclient.transport.options import Connection, check_seconds
from allclient.transport.owned import Owned
from allclient.transport.question import PLAIN, Question
from allclient.transport.riding import Presence, Tries
from allclient.transport.status import translate, translate_local

_log = logging.getLogger(__name__)


class AsyncTransport(Owned):
    """gRPC to one server. Cancelling the awaiting task cancels the call.

    gRPC ties a channel to the event loop it was made in, so each loop gets its own at first use.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self._headers = connection.metadata()
        self._clients: dict[asyncio.AbstractEventLoop, Any] = {}
        self._changing = threading.Lock()
        self._presence = Presence()
        self._gate = AsyncGate()
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        if not self.is_owner:
            return
        with self._changing:
            clients, self._clients = self._clients, {}
        here = asyncio.get_running_loop()
        for loop, client in clients.items():
            if loop is here:
                await client.close()
            elif loop.is_running():  # in another thread
                closing = client.close()
                with contextlib.suppress(RuntimeError):  # it has ended just now
                    asyncio.run_coroutine_threadsafe(closing, loop)

    def _client(self) -> Any:
        """The client of the running event loop."""
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
        """As ``blocking.Transport.infer``. Raises ImageRejectedError or a ServerError."""
        request_id = uuid.uuid4().hex
        inputs = encode(image)
        tries = Tries(self.connection, self._presence)
        while True:
            try:
                async with self._gate.passing(tries.alone):
                    with self._foreign_translated():
                        answer = await self._client().infer(
                            self.connection.model,
                            inputs,
                            request_id=request_id,
                            client_timeout=self.connection.timeout,
                            headers=self._headers,
                            **question.arguments(),
                        )
            except InferenceServerException as error:
                self.check_open()  # closing a client fails the calls in flight
                pause = tries.pause_after(error)
                _log.info("%s: next try in %.1f s (%s)", self.connection.address, pause, error)
            else:
                self._presence.answered()
                return decode(answer, request_id, question)
            await asyncio.sleep(pause)

    async def server_metadata(self, timeout: float) -> ServerMetadata:  # noqa: ASYNC109  gRPC's own
        metadata = await self._ask(self._client().get_server_metadata, timeout)
        return ServerMetadata(metadata.name, metadata.version, tuple(metadata.extensions))

    async def health(self, timeout: float) -> Health:  # noqa: ASYNC109  gRPC's own deadline
        """Raises ServerUnavailableError when nobody answers at all."""
        model = self.connection.model
        live = await self._ask(self._client().is_server_live, timeout)
        ready = await self._ask(self._client().is_server_ready, timeout)
        problems: tuple[str, ...] = ()
        versions: tuple[str, ...] = ()
        model_ready = cells = False
        try:
            model_ready = await self._ask(self._client().is_model_ready, timeout, model)
            metadata = await self._ask(self._client().get_model_metadata, timeout, model)
            versions = tuple(metadata.versions)
            problems = contract_problems(metadata)
            cells = gives_cells(metadata)
        except AllclientError as error:
            problems = (str(error),)
        return Health(
            address=self.connection.address,
            live=live,
            ready=ready,
            model=model,
            model_ready=model_ready,
            model_versions=versions,
            server=await self.server_metadata(timeout),
            problems=problems,
            cells=cells,
        )

    async def _ask(
        self, method: Callable[..., Awaitable[Any]], seconds: float, *arguments: str
    ) -> Any:
        check_seconds(seconds)
        try:
            with self._foreign_translated():
                answer = await method(*arguments, headers=self._headers, client_timeout=seconds)
        except InferenceServerException as error:
            raise self._translated(error) from error
        self._presence.answered()
        return answer

    def check_open(self) -> None:
        self.check_owner()
        if self._closed:
            raise ConfigurationError("this client is closed")

    def _translated(self, error: InferenceServerException) -> AllclientError:
        if self._closed:
            return ConfigurationError("this client is closed")
        return translate(error, self.connection.address, self.connection.model)

    @contextlib.contextmanager
    def _foreign_translated(self) -> Iterator[None]:
        """No error comes out but ours, InferenceServerException, and a cancelled task's own."""
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
