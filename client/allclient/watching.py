"""Lets others watch the images that clients ask about; nobody does unless ``add`` is called.

The watchers themselves (metrics, traces) are in ``allclient.watch`` and need the extra watch. None
of them sees pixels or names of files.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from allclient.result import Result

_F = TypeVar("_F", bound=Callable[..., Any])
_A = TypeVar("_A", bound=Callable[..., Awaitable[Any]])


@dataclass(slots=True)
class Asked:
    """One image that a client asks about, from its first call to its answer."""

    result: Result | None = None
    """The answer, once it has come."""
    failed_calls: int = 0
    """Calls that brought no answer, whether the image was tried again or not."""


class Watcher(Protocol):
    """Sees each image asked about; what it returns lasts as long, and sees its error."""

    def asking(self, asked: Asked) -> AbstractContextManager[object]:
        """Watch one image."""

    def step(self, name: str) -> AbstractContextManager[object]:
        """Watch one step of a program around it."""

    def part_done(self, counts: Mapping[str, int], left: int) -> None:
        """Note how the files of a finished part ended, and how many of the run are left."""

    def headers(self) -> dict[str, str]:
        """Return what goes with the request of the image that this thread or task asks about."""


_watchers: tuple[Watcher, ...] = ()
_current: ContextVar[Asked | None] = ContextVar("allclient_asked", default=None)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Let ``watcher`` see every image of this process, for as long as the block lasts."""
    global _watchers
    _watchers = (*_watchers, watcher)
    try:
        yield
    finally:
        _watchers = tuple(one for one in _watchers if one is not watcher)


def headers(given: dict[str, str]) -> dict[str, str]:
    """Return the headers of a request, with those of the watchers."""
    for watcher in _watchers:
        given = given | watcher.headers()
    return given


def call_failed() -> None:
    """Count a failed call of the image that this thread or task asks about."""
    if (asked := _current.get()) is not None:
        asked.failed_calls += 1


def part_done(counts: Mapping[str, int], left: int) -> None:
    """Tell the watchers of a part of a run over many machines, whose images others ask about."""
    for watcher in _watchers:
        watcher.part_done(counts, left)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Let the watchers see a step of a program."""
    with ExitStack() as stack:
        for watcher in _watchers:
            stack.enter_context(watcher.step(name))
        yield


def watched(infer: _F) -> _F:
    """Decorate what asks about one image."""

    @functools.wraps(infer)
    def wrapper(*args: Any, **options: Any) -> Any:
        if not _watchers:
            return infer(*args, **options)
        with _asking() as asked:
            asked.result = infer(*args, **options)
            return asked.result

    return wrapper  # type: ignore[return-value]


def watched_async(infer: _A) -> _A:
    """Decorate what asks about one image, in asyncio."""

    @functools.wraps(infer)
    async def wrapper(*args: Any, **options: Any) -> Any:
        if not _watchers:
            return await infer(*args, **options)
        with _asking() as asked:
            asked.result = await infer(*args, **options)
            return asked.result

    return wrapper  # type: ignore[return-value]


@contextmanager
def _asking() -> Iterator[Asked]:
    asked = Asked()
    token = _current.set(asked)
    try:
        with ExitStack() as stack:
            for watcher in _watchers:
                stack.enter_context(watcher.asking(asked))
            yield asked
    finally:
        _current.reset(token)
