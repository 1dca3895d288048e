"""The calls of a blocking client; safe to use from several threads."""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from allclient.errors import AllclientError, ConfigurationError
from allclient.result import Result
from allclient.threads import no_thread
from allclient.transport.cancellation import Cancellation
from allclient.transport.codec import decode, encode
from allclient.transport.gate import Gate
from allclient.transport.health import (
    Health,
    ServerMetadata,
    contract_problems,
    gives_cells,
)
from allclient.transport.limits import check_limits, never_collect
from allclient.transport.options import Connection, check_seconds
from allclient.transport.owned import Owned
from allclient.transport.question import PLAIN, Question
from allclient.transport.riding import Presence, Tries
from allclient.transport.status import translate, translate_local

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
        self._presence = Presence()
        self._gate = Gate()
        self._closed = False
        self._stuck = False

    def close(self) -> None:
        self._closed = True
        # A forked child's channel has no threads that could end it: closing would wait for them.
        if self.is_owner and not self._stuck:
            self._client.close()

    def infer(
        self,
        image: bytes,
        cancellation: Cancellation | None = None,
        question: Question = PLAIN,
    ) -> Result:
        """The answer for one encoded image, tried again while the server is away.

        Raises ImageRejectedError, a ServerError, or CancelledError when cancelled.
        """
        cancellation = cancellation or Cancellation()
        request_id = uuid.uuid4().hex
        inputs = encode(image)
        tries = Tries(self.connection, self._presence)
        while True:
            try:
                with self._gate.passing(tries.alone, cancellation):
                    answer = self._call(inputs, request_id, cancellation, question)
            except InferenceServerException as error:
                if cancellation.cancelled:
                    raise CancelledError from error
                self.check_open()  # closing a client fails the calls in flight
                pause = tries.pause_after(error)
                _log.info("%s: next try in %.1f s (%s)", self.connection.address, pause, error)
            else:
                self._presence.answered()
                return decode(answer, request_id, question)
            if cancellation.wait(pause):
                raise CancelledError

    def server_metadata(self, timeout: float) -> ServerMetadata:
        metadata = self._ask(self._client.get_server_metadata, timeout)
        return ServerMetadata(metadata.name, metadata.version, tuple(metadata.extensions))

    def models(self, timeout: float) -> dict[str, str]:
        """The version of each model that is ready, by name; for who may see the repository."""
        index = self._ask(self._client.get_model_repository_index, timeout)
        return {model.name: model.version for model in index.models if model.state == "READY"}

    def counts(self, timeout: float) -> dict[str, tuple[int, int]]:
        """How many requests each of the server's models has answered, and failed at, by name."""
        statistics = self._ask(self._client.get_inference_statistics, timeout).model_stats
        return {
            model.name: (model.inference_stats.success.count, model.inference_stats.fail.count)
            for model in statistics
        }

    def health(self, timeout: float) -> Health:
        """Raises ServerUnavailableError when nobody answers at all."""
        model = self.connection.model
        live = self._ask(self._client.is_server_live, timeout)
        ready = self._ask(self._client.is_server_ready, timeout)
        problems: tuple[str, ...] = ()
        versions: tuple[str, ...] = ()
        model_ready = cells = False
        try:
            model_ready = self._ask(self._client.is_model_ready, timeout, model)
            metadata = self._ask(self._client.get_model_metadata, timeout, model)
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
            server=self.server_metadata(timeout),
            problems=problems,
            cells=cells,
        )

    def _ask(self, method: Callable[..., Any], timeout: float, *arguments: str) -> Any:
        self.check_open()
        check_seconds(timeout)
        try:
            answer = method(*arguments, headers=self._headers, client_timeout=timeout)
        except InferenceServerException as error:
            raise self._translated(error) from error
        except Exception as error:
            raise self._translated_local(error) from error
        self._presence.answered()
        return answer

    def _call(
        self, inputs: list[Any], request_id: str, cancellation: Cancellation, question: Question
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
                    client_timeout=self.connection.timeout,
                    headers=self._headers,
                    **question.arguments(),
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
                return answered.result(self.connection.timeout + _PATIENCE)
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
