"""Makes the calls of a blocking client; safe to use from several threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import Any, TypeVar

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from allclient.errors import AllclientError
from allclient.result import Result
from allclient.threads import no_thread
from allclient.transport import base
from allclient.transport.base import Ask, BaseTransport, Exchange, Questions
from allclient.transport.cancellation import Cancellation
from allclient.transport.gate import Gate
from allclient.transport.health import Health, ServerMetadata, worst
from allclient.transport.limits import check_limits, never_collect
from allclient.transport.options import Connection, check_seconds
from allclient.transport.question import PLAIN, Question
from allclient.transport.riding import Deadline
from allclient.transport.servers import Server
from allclient.transport.status import translate_local

_PATIENCE = 5.0
"""Seconds beyond its deadline that gRPC may take to say so."""

T = TypeVar("T")


class Transport(BaseTransport):
    """A gRPC channel to each server."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        check_limits()
        self._clients: list[Any] = []
        for server in self._servers:
            try:
                made = InferenceServerClient(**server.connection.client_arguments())
            except Exception as error:
                raise translate_local(error, server.connection.address) from error
            self._clients.append(made)
        self._issuing = threading.Lock()
        self._gate = Gate()
        self._stuck = False

    def close(self) -> None:
        """Close the channel."""
        self._closed = True
        # A forked child's channel has no threads that could end it: closing would wait for them.
        if self.is_owner and not self._stuck:
            for client in self._clients:
                client.close()

    def infer(
        self,
        image: bytes,
        cancellation: Cancellation | None = None,
        question: Question = PLAIN,
    ) -> Result:
        """Return the answer for one encoded image, tried again while the server is away.

        Raises:
            ImageRejectedError: the server refused the image.
            ServerError: there is no answer.
            CancelledError: it was cancelled.
        """
        cancellation = cancellation or Cancellation()
        one = self._one(image, question)
        while True:
            with self._gate.passing(one.alone, cancellation), self._servers.chosen() as server:
                try:
                    answer = self._call(one.sending(), cancellation, server)
                except InferenceServerException as error:
                    if cancellation.cancelled:
                        raise CancelledError from error
                    pause = one.pause_after(error, server)
                else:
                    return one.result(answer, server)
            if cancellation.wait(pause):
                raise CancelledError

    def server_metadata(self, timeout: float) -> ServerMetadata:
        """Return the server's name, version and extensions."""
        return self._answer(base.server_metadata, timeout)

    def models(self, timeout: float) -> dict[str, str]:
        """Return the version of each ready model by name, to whoever may see the repository."""
        return self._answer(base.models, timeout)

    def counts(self, timeout: float) -> dict[str, tuple[int, int]]:
        """Return how many requests each model has answered and failed at, by name."""
        return self._answer(base.counts, timeout)

    def load_model(self, model: str, timeout: float) -> None:
        """Have a model loaded, or loaded anew, by a server that lets its models be changed."""
        self._answer(lambda _: base.load(model), timeout)

    def unload_model(self, model: str, timeout: float) -> None:
        """Have a model unloaded by a server that lets its models be changed."""
        self._answer(lambda _: base.unload(model), timeout)

    def release(self, timeout: float) -> str:
        """Return the release that the model's configuration names; empty if it names none.

        Of several servers the first that answers says it.
        """
        return self._answer(lambda _: base.release(self.connection.model), timeout)

    def health(self, timeout: float) -> Health:
        """Return what the server says about itself; of several, ``worst`` says of which.

        Raises:
            ServerUnavailableError: nobody answers at all.
        """
        return worst(self._ask_each(base.health, timeout))

    def _answer(self, questions: Questions[T], timeout: float) -> T:
        """Return what the first server says that says anything."""
        return next(self._ask_each(questions, timeout))

    def _ask_each(self, questions: Questions[T], timeout: float) -> Iterator[T]:
        """Yield what each server says that says anything; raises where none does."""
        silence: AllclientError | None = None
        answered = False
        for server in self._servers:
            try:
                answer = self._exchange(questions(server.connection), timeout, server)
            except base.SILENT as error:
                silence = silence or error
            else:
                answered = True
                yield answer
        if silence is not None and not answered:
            raise silence

    def _exchange(self, exchange: Exchange[T], timeout: float, server: Server) -> T:
        try:
            ask = next(exchange)
            while True:
                try:
                    answer = self._ask(ask, timeout, server)
                except AllclientError as error:
                    ask = exchange.throw(error)
                else:
                    ask = exchange.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    def _ask(self, ask: Ask, timeout: float, server: Server) -> Any:
        self.check_open()
        check_seconds(timeout)
        method = getattr(self._clients[server.number], ask.method)
        deadline = Deadline(timeout)
        while True:
            try:
                answer = method(*ask.arguments, headers=self._headers, client_timeout=timeout)
            except InferenceServerException as error:
                if not deadline.came_early(error):
                    raise self._translated(error, server) from error
                deadline.begin()
            except Exception as error:
                raise self._translated_local(error, server) from error
            else:
                self._presence.answered()
                return answer

    def _call(self, request: dict[str, Any], cancellation: Cancellation, server: Server) -> Any:
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
                call = self._clients[server.number].async_infer(callback=settle, **request)
            except InferenceServerException:
                raise
            except Exception as error:
                raise self._translated_local(error, server) from error

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

    def _translated_local(self, error: Exception, server: Server) -> AllclientError:
        if isinstance(error, RuntimeError) and not self._stuck:
            # gRPC has the call and no thread for it. Ending or collecting the channel would wait
            # for that call, for ever and with the interpreter's lock held.
            self._stuck = True
            never_collect(self._clients)
        return super()._translated_local(error, server)
