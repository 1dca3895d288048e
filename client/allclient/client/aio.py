"""The asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from allclient.client.budget import AsyncBudget
from allclient.client.ledger import FATAL, Ledger
from allclient.client.reading import read_image, size_of
from allclient.client.sync import HEALTH_TIMEOUT, IN_FLIGHT
from allclient.contract import ENSEMBLE
from allclient.errors import AllclientError
from allclient.result import Outcome, Result, Source
from allclient.transport import Connection, Health, Retry, ServerMetadata, TlsOptions
from allclient.transport.aio import AsyncTransport

_READERS: Final = 8
"""Threads that read files, and no more: the event loop itself never waits for a disk."""

_END: Final = object()


class AsyncClient:
    """As ``Client``, for asyncio; made and used inside one running event loop.

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
        connection = Connection(
            address, model, timeout, tls, retry or Retry(), headers or {}, token
        )
        self._transport = AsyncTransport(connection)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="allclient-read")

    @property
    def address(self) -> str:
        return self._transport.connection.address

    async def classify(self, source: Source) -> Result:
        """As ``Client.classify``. Cancelling the task cancels the request."""
        self._transport.check_open()
        loop = asyncio.get_running_loop()
        image = await loop.run_in_executor(self._readers, read_image, source)
        return await self._transport.infer(image)

    async def classify_many(
        self,
        sources: Iterable[Source] | AsyncIterable[Source],
        *,
        ordered: bool = True,
        in_flight: int = IN_FLIGHT,
    ) -> AsyncIterator[Outcome]:
        """As ``Client.classify_many``; ``sources`` may be asynchronous.

        When leaving the loop early, ``aclose()`` the generator (``contextlib.aclosing``): Python
        does that for a dropped generator only at its next occasion.
        """
        work = _Work(self, sources, Ledger(ordered=ordered, in_flight=in_flight), self._readers)
        workers = [asyncio.create_task(work.run()) for _ in range(in_flight)]
        try:
            while (outcome := await work.next()) is not None:
                yield outcome
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def health(self, *, timeout: float = HEALTH_TIMEOUT) -> Health:  # noqa: ASYNC109
        """As ``Client.health``."""
        return await self._transport.health(timeout)

    async def server_metadata(
        self,
        *,
        timeout: float = HEALTH_TIMEOUT,  # noqa: ASYNC109
    ) -> ServerMetadata:
        """As ``Client.server_metadata``."""
        return await self._transport.server_metadata(timeout)

    async def close(self) -> None:
        self._readers.shutdown(wait=False, cancel_futures=True)
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.address!r})"


class _Work:
    """One ``classify_many``: tasks that pull from the source and settle the same books."""

    def __init__(
        self,
        client: AsyncClient,
        sources: Iterable[Source] | AsyncIterable[Source],
        ledger: Ledger,
        readers: ThreadPoolExecutor,
    ) -> None:
        self._classify = client.classify
        self._sources = _pulling(sources, readers)
        self._ledger = ledger
        self._budget = AsyncBudget()
        self._changed = asyncio.Condition()
        self._pull = asyncio.Lock()

    async def next(self) -> Outcome | None:
        """The next outcome; None at the end. Raises what ended the stream."""
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
                outcome = await self._outcome(source)
            except asyncio.CancelledError:
                raise  # classify_many is being closed: nobody reads the books any more
            except BaseException as error:
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
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                async with self._changed:
                    ledger.exhaust(None if isinstance(error, StopAsyncIteration) else error)
                    self._changed.notify_all()
                return None
            return None if ledger.stopped else (ledger.begin(), source)

    async def _outcome(self, source: Source) -> Outcome:
        try:
            async with self._budget.hold(size_of(source)):
                return Outcome(source, await self._classify(source))
        except FATAL:
            raise
        except AllclientError as error:
            return Outcome(source, error=error)


async def _pulling(
    sources: Iterable[Source] | AsyncIterable[Source], readers: ThreadPoolExecutor
) -> AsyncIterator[Source]:
    if isinstance(sources, AsyncIterable):
        async for source in sources:
            yield source
        return
    loop = asyncio.get_running_loop()
    iterator = iter(sources)
    # In a thread: a folder search or a pipe would stop the event loop.
    while (item := await loop.run_in_executor(readers, next, iterator, _END)) is not _END:
        yield item  # type: ignore[misc]  # mypy cannot tell the sentinel from a source
