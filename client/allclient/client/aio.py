"""Defines the asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from functools import partial
from typing import Final, ParamSpec, TypeVar

from allclient.client.budget import AsyncBudget
from allclient.client.ledger import FATAL, Ledger
from allclient.client.reading import iterate, read_field, size_of, told
from allclient.client.sync import HEALTH_TIMEOUT, IN_FLIGHT
from allclient.contract import ENSEMBLE
from allclient.dicom import EncodedField
from allclient.errors import AllclientError
from allclient.result import Outcome, Pipe, Result, Source
from allclient.threads import DaemonThreads
from allclient.transport import Connection, Health, Retry, ServerMetadata, TlsOptions
from allclient.transport.aio import AsyncTransport
from allclient.transport.owned import Owned
from allclient.transport.question import Question, asked
from allclient.watching import watched_async

_P = ParamSpec("_P")
_T = TypeVar("_T")

_READERS: Final = 8
"""Threads that read files, and no more: the event loop itself never waits for a disk."""

_END: Final = object()


class AsyncClient(Owned):
    """Classifies smear images as ``Client`` does, for asyncio.

    It may be made anywhere, also before an event loop runs.

    Each event loop that uses it gets a connection of its own, which ends with ``close()``.

    >>> async with AsyncClient("127.0.0.1:8001") as client:
    ...     async for outcome in client.classify_many(paths):
    ...         ...
    """

    def __init__(
        self,
        address: str,
        *,
        model: str = ENSEMBLE,
        timeout: float = 60.0,
        retry: Retry | None = None,
        tls: TlsOptions | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> None:
        super().__init__()
        connection = Connection(
            address, model, timeout, tls, retry or Retry(), headers or {}, token
        )
        self._transport = AsyncTransport(connection)
        self._readers = DaemonThreads(_READERS, "allclient-read")

    @property
    def address(self) -> str:
        """HOST:PORT of the server; of several, with commas between."""
        return self._transport.connection.address

    async def classify(
        self,
        source: Source,
        *,
        cells: bool = False,
        um_per_pixel: float | None = None,
        features: bool = False,
    ) -> Result:
        """Return the answer for one image, as ``Client.classify`` does.

        Cancelling the task cancels the request.
        """
        self._transport.check_open()
        question = asked(cells, um_per_pixel, features=features)
        field = await asyncio.wrap_future(self._readers.submit(read_field, source))
        return await self._infer(field, question=question)

    async def classify_many(
        self,
        sources: Iterable[Source] | AsyncIterable[Source],
        *,
        ordered: bool = True,
        in_flight: int = IN_FLIGHT,
        cells: bool = False,
        um_per_pixel: float | None = None,
    ) -> AsyncIterator[Outcome]:
        """Yield an Outcome for each source, as ``Client.classify_many`` does.

        ``sources`` may be asynchronous.

        When leaving the loop early, ``aclose()`` the generator (``contextlib.aclosing``): Python
        does that for a dropped generator only at its next occasion.
        """
        ledger = Ledger(ordered=ordered, in_flight=in_flight)
        infer = partial(self._infer, question=Question(cells, um_per_pixel))
        self._transport.check_open()
        work = _Work(infer, self._readers, sources, ledger)
        workers = [asyncio.create_task(work.run()) for _ in range(in_flight)]
        try:
            while (outcome := await work.next()) is not None:
                yield outcome
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    @watched_async
    async def _infer(self, field: EncodedField, *, question: Question) -> Result:
        question = question.about(field.um_per_pixel)
        return told(field, await self._transport.infer(field.data, question))

    async def health(self, *, timeout: float = HEALTH_TIMEOUT) -> Health:  # noqa: ASYNC109
        """Return whether the server is live and serves the model."""
        return await self._transport.health(timeout)

    async def server_metadata(
        self,
        *,
        timeout: float = HEALTH_TIMEOUT,  # noqa: ASYNC109
    ) -> ServerMetadata:
        """Return the server's name, version and extensions."""
        return await self._transport.server_metadata(timeout)

    async def close(self) -> None:
        """Close the connections of every event loop."""
        self._readers.close()
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.address!r})"


class _Work:
    """The work of one ``classify_many``: tasks that pull from the source and share their books."""

    def __init__(
        self,
        infer: Callable[[EncodedField], Awaitable[Result]],
        readers: DaemonThreads,
        sources: Iterable[Source] | AsyncIterable[Source],
        ledger: Ledger,
    ) -> None:
        self._infer = infer
        self._readers = readers
        self._sources = _pulling(sources, readers)
        self._ledger = ledger
        self._budget = AsyncBudget()
        self._changed = asyncio.Condition()
        self._pull = asyncio.Lock()

    async def next(self) -> Outcome | None:
        """Return the next outcome; None at the end. Raises what ended the stream."""
        async with self._changed:
            while (outcome := self._ledger.take()) is None:
                if self._ledger.over:
                    if self._ledger.failure is not None:
                        raise self._ledger.failure
                    return None
                await self._changed.wait()
            self._changed.notify_all()
            return outcome

    async def run(self) -> None:
        while (pulled := await self._pulled()) is not None:
            number, source = pulled
            outcome: Outcome | None = None
            failure: BaseException | None = None
            try:
                outcome = await self._outcome(number, source)
            except BaseException as error:
                if _is_cancelled():
                    raise  # classify_many is being closed: nobody reads the books any more
                failure = error
            async with self._changed:
                if outcome is None:
                    self._ledger.abandon(number)
                    self._ledger.stop(failure)
                else:
                    self._ledger.settle(number, outcome)
                self._changed.notify_all()

    async def _pulled(self) -> tuple[int, Source] | None:
        ledger = self._ledger
        async with self._pull:
            async with self._changed:
                await self._changed.wait_for(lambda: ledger.stopped or ledger.may_begin)
                if ledger.stopped or ledger.exhausted:
                    return None
            try:
                source = await anext(self._sources)
            except BaseException as error:
                if _is_cancelled():
                    raise
                async with self._changed:
                    ledger.exhaust(None if isinstance(error, StopAsyncIteration) else error)
                    self._changed.notify_all()
                return None
            return None if ledger.stopped else (ledger.begin(), source)

    async def _outcome(self, number: int, source: Source) -> Outcome | None:
        """Return the outcome; None if the stream stopped without waiting for the image."""
        try:
            size = len(source) if isinstance(source, bytes) else await self._aside(size_of, source)
            async with self._budget.hold(size):
                field = await self._aside(read_field, source, pipes=isinstance(source, Pipe))
                if not self._ledger.has_read(number):
                    return None
                return Outcome(source, await self._infer(field))
        except FATAL:
            raise
        except AllclientError as error:
            return Outcome(source, error=error)

    def _aside(
        self, function: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs
    ) -> asyncio.Future[_T]:
        """Call a function in a thread: no disk stops the event loop."""
        return asyncio.wrap_future(self._readers.submit(function, *arguments, **options))


def _is_cancelled() -> bool:
    """Return whether this task is cancelled; a source can raise the error of another one."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _pulling(
    sources: Iterable[Source] | AsyncIterable[Source], readers: DaemonThreads
) -> AsyncIterator[Source]:
    if isinstance(sources, AsyncIterable):
        return aiter(sources)
    return _pulled_aside(iterate(sources), readers)


async def _pulled_aside(sources: Iterator[Source], readers: DaemonThreads) -> AsyncIterator[Source]:
    # In a thread: a folder search or a pipe would stop the event loop.
    while (item := await asyncio.wrap_future(readers.submit(next, sources, _END))) is not _END:
        yield item  # type: ignore[misc]  # mypy cannot tell the sentinel from a source
