"""The calls of a blocking client; safe to use from several threads."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any, TypeVar

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from allclient.errors import AllclientError, ConfigurationError
from allclient.result import Result
from allclient.threads import no_thread
from allclient.transport.cancellation import Cancellation
from allclient.transport.codec import decode, encode
from allclient.transport.health import Health, ServerMetadata, contract_problems
from allclient.transport.limits import check_limits, never_collect
from allclient.transport.options import Connection, check_seconds
from allclient.transport.owned import Owned
from allclient.transport.status import is_unavailable, translate, translate_local

_T = TypeVar("_T")

_PATIENCE = 5.0
"""Seconds beyond its deadline that gRPC may take to say so."""

_log = logging.getLogger(__name__)


class Transport(Owned):
    """One gRPC channel to one server."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self._headers = connection.metadata()
        check_limits()
        try:
            self._client: Any = InferenceServerClient(**connection.client_arguments())
        except Exception as error:
            raise translate_local(error, connection.address) from error
        self._issuing = threading.Lock()
        self._closed = False
        self._stuck = False

    def close(self) -> None:
        self._closed = True
        # A forked child's channel has no threads that could end it: closing would wait for them.
        if self.is_owner and not self._stuck:
            self._client.close()

    def infer(self, image: bytes, cancellation: Cancellation | None = None) -> Result:
        """The answer for one encoded image.

        Raises ImageRejectedError, a ServerError, or CancelledError when cancelled.
        """
        cancellation = cancellation or Cancellation()
        request_id = uuid.uuid4().hex
        inputs = encode(image)
        answer = self._persist(
            lambda left: self._call(inputs, request_id, left, cancellation), cancellation
        )
        return decode(answer, request_id)

    def server_metadata(self, timeout: float) -> ServerMetadata:
        metadata = self._ask(self._client.get_server_metadata, timeout)
        return ServerMetadata(metadata.name, metadata.version, tuple(metadata.extensions))

    def health(self, timeout: float) -> Health:
        """Raises ServerUnavailableError when nobody answers at all."""
        model = self.connection.model
        live = self._ask(self._client.is_server_live, timeout)
        ready = self._ask(self._client.is_server_ready, timeout)
        problems: tuple[str, ...] = ()
        versions: tuple[str, ...] = ()
        model_ready = False
        try:
            model_ready = self._ask(self._client.is_model_ready, timeout, model)
            metadata = self._ask(self._client.get_model_metadata, timeout, model)
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
            server=self.server_metadata(timeout),
            problems=problems,
        )

    def _ask(self, method: Callable[..., Any], timeout: float, *arguments: str) -> Any:
        self.check_open()
        check_seconds(timeout)
        try:
            return method(*arguments, headers=self._headers, client_timeout=timeout)
        except InferenceServerException as error:
            raise self._translated(error) from error
        except Exception as error:
            raise self._translated_local(error) from error

    def _persist(self, attempt: Callable[[float], _T], cancellation: Cancellation) -> _T:
        """Try, and try again while the server is unavailable and time is left."""
        deadline = time.monotonic() + self.connection.timeout
        pauses = self.connection.retry.pauses()
        while True:
            try:
                return attempt(deadline - time.monotonic())
            except InferenceServerException as error:
                if cancellation.cancelled:
                    raise CancelledError from error
                pause = next(pauses, None) if is_unavailable(error) else None
                if pause is None or time.monotonic() + pause >= deadline:
                    raise self._translated(error) from error
            _log.info("%s is unavailable, next try in %.1f s", self.connection.address, pause)
            if cancellation.wait(pause):
                raise CancelledError

    def _call(
        self, inputs: list[Any], request_id: str, timeout: float, cancellation: Cancellation
    ) -> Any:
        self.check_open()
        answered: Future[Any] = Future()

        def settle(result: Any, error: InferenceServerException | None) -> None:
            with contextlib.suppress(InvalidStateError):  # given up meanwhile
                if error is not None:
                    answered.set_exception(error)
                else:
                    answered.set_result(result)

        # async_infer, because infer() cannot be cancelled. It parks its call in an attribute of
        # the client before it hooks in the callback: two threads at once would swap their calls.
        with self._issuing:
            if self._stuck:
                raise no_thread()
            try:
                call = self._client.async_infer(
                    self.connection.model,
                    inputs,
                    settle,
                    request_id=request_id,
                    client_timeout=timeout,
                    headers=self._headers,
                )
            except InferenceServerException:
                raise
            except Exception as error:
                raise self._translated_local(error) from error

        def give_up(status: str, reason: str) -> None:
            call.cancel()
            # gRPC says so itself, but not when it had no thread for it.
            settle(None, InferenceServerException(reason, f"StatusCode.{status}"))

        with cancellation.guard(lambda: give_up("CANCELLED", "cancelled")):
            try:
                return answered.result(timeout + _PATIENCE)
            except TimeoutError:
                give_up("DEADLINE_EXCEEDED", "no answer, and no word from gRPC")
                return answered.result()
            except KeyboardInterrupt:
                call.cancel()
                raise

    def check_open(self) -> None:
        self.check_owner()
        if self._closed:
            raise ConfigurationError("this client is closed")

    def _translated(self, error: InferenceServerException) -> AllclientError:
        if self._closed:  # which cancels what is in flight
            return ConfigurationError("this client is closed")
        return translate(error, self.connection.address, self.connection.model)

    def _translated_local(self, error: Exception) -> AllclientError:
        if isinstance(error, RuntimeError) and not self._stuck:
            # gRPC has the call and no thread for it. Ending or collecting the channel would wait
            # for that call, for ever and with the interpreter's lock held.
            self._stuck = True
            never_collect(self._client)
        if self._closed:  # just now
            return ConfigurationError("this client is closed")
        return translate_local(error, self.connection.address)
