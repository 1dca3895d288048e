"""The calls of an asyncio client; belongs to the event loop it was made in."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from allclient.errors import AllclientError, ConfigurationError
from allclient.result import Result
from allclient.transport.codec import decode, encode
from allclient.transport.gate import AsyncGate
from allclient.transport.health import Health, ServerMetadata, contract_problems
from allclient.transport.options import Connection
from allclient.transport.riding import Presence, Tries
from allclient.transport.status import translate

_log = logging.getLogger(__name__)


class AsyncTransport:
    """One gRPC channel to one server. Cancelling the awaiting task cancels the call."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._headers = connection.metadata()
        self._client: Any = InferenceServerClient(**connection.client_arguments())
        self._presence = Presence()
        self._gate = AsyncGate()
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        await self._client.close()

    async def infer(self, image: bytes) -> Result:
        """As ``blocking.Transport.infer``. Raises ImageRejectedError or a ServerError."""
        request_id = uuid.uuid4().hex
        inputs = encode(image)
        tries = Tries(self.connection, self._presence)
        while True:
            self.check_open()
            try:
                async with self._gate.passing(tries.alone):
                    answer = await self._client.infer(
                        self.connection.model,
                        inputs,
                        request_id=request_id,
                        client_timeout=self.connection.timeout,
                        headers=self._headers,
                    )
            except InferenceServerException as error:
                pause = tries.pause_after(error)
                _log.info("%s: next try in %.1f s (%s)", self.connection.address, pause, error)
            else:
                self._presence.answered()
                return decode(answer, request_id)
            await asyncio.sleep(pause)

    async def server_metadata(self, timeout: float) -> ServerMetadata:  # noqa: ASYNC109  gRPC's own
        metadata = await self._ask(self._client.get_server_metadata, timeout)
        return ServerMetadata(metadata.name, metadata.version, tuple(metadata.extensions))

    async def health(self, timeout: float) -> Health:  # noqa: ASYNC109  gRPC's own deadline
        """Raises ServerUnavailableError when nobody answers at all."""
        model = self.connection.model
        live = await self._ask(self._client.is_server_live, timeout)
        ready = await self._ask(self._client.is_server_ready, timeout)
        problems: tuple[str, ...] = ()
        versions: tuple[str, ...] = ()
        model_ready = False
        try:
            model_ready = await self._ask(self._client.is_model_ready, timeout, model)
            metadata = await self._ask(self._client.get_model_metadata, timeout, model)
            versions = tuple(metadata.versions)
            problems = contract_problems(metadata)
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
        )

    async def _ask(
        self, method: Callable[..., Awaitable[Any]], seconds: float, *arguments: str
    ) -> Any:
        self.check_open()
        try:
            answer = await method(*arguments, headers=self._headers, client_timeout=seconds)
        except InferenceServerException as error:
            raise self._translated(error) from error
        self._presence.answered()
        return answer

    def check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("this client is closed")

    def _translated(self, error: InferenceServerException) -> AllclientError:
        return translate(error, self.connection.address, self.connection.model)
