"""Streams many images through one blocking transport: bounded, cancellable, in order or not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError

from allclient.client.budget import Budget
from allclient.client.ledger import FATAL, Ledger
from allclient.client.reading import iterate, read_field, size_of
from allclient.dicom import EncodedField
from allclient.errors import AllclientError
from allclient.result import Outcome, Pipe, Result, Source
from allclient.threads import no_thread
from allclient.transport.cancellation import Cancellation
from allclient.transport.limits import may_take_a_thread
from allclient.transport.owned import Owned

Infer = Callable[[EncodedField, Cancellation], Result]

_MAX_WAIT = 0.5
"""Seconds that a signal may be left unnoticed."""


class _Work:
    """What the threads share. They never hold the stream itself, so that dropping it ends them."""

    def __init__(self, sources: Iterable[Source], infer: Infer, ledger: Ledger) -> None:
        self.sources = iterate(sources)
        self.infer = infer
        self.ledger = ledger
        self.budget = Budget()
        self.cancellation = Cancellation()
        self.changed = threading.Condition()
        self.pulling = threading.Lock()

    def stop(self, failure: BaseException | None = None) -> None:
        with self.changed:
            self.ledger.stop(failure)
            self.changed.notify_all()
        self.cancellation.cancel()

    def pull(self) -> tuple[int, Source] | None:
        """Return the next image to work on, once there is room; None if there is no more to do."""
        # One thread at a time waits at the source, which may be slow: a pipe, a network folder.
        with self.pulling:
            with self.changed:
                self.changed.wait_for(lambda: self.ledger.stopped or self.ledger.may_begin)
                if self.ledger.stopped or self.ledger.exhausted:
                    return None
            try:
                source = next(self.sources)
            except BaseException as error:
                # What is in flight still finishes; the source's own error follows it.
                with self.changed:
                    self.ledger.exhaust(None if isinstance(error, StopIteration) else error)
                    self.changed.notify_all()
                return None
            with self.changed:
                return None if self.ledger.stopped else (self.ledger.begin(), source)

    def finish(self, number: int, source: Source) -> None:
        outcome: Outcome | None = None
        failure: BaseException | None = None
        try:
            outcome = self._classify(number, source)
        except CancelledError:
            pass  # the stream has ended already, and knows why
        except BaseException as error:
            failure = error
        with self.changed:
            if outcome is None:
                self.ledger.abandon(number)
            else:
                self.ledger.settle(number, outcome)
            self.changed.notify_all()
            given_up = self.ledger.stopped
        if failure is not None or given_up:
            self.stop(failure)

    def _classify(self, number: int, source: Source) -> Outcome:
        try:
            with self.budget.hold(size_of(source)):
                field = read_field(source, pipes=isinstance(source, Pipe))
                with self.changed:
                    if not self.ledger.has_read(number):
                        raise CancelledError
                return Outcome(source, self.infer(field, self.cancellation))
        except FATAL:
            raise
        except AllclientError as error:
            return Outcome(source, error=error)


class Stream(Owned, Iterator[Outcome]):
    """The outcomes of ``Client.classify_many``.

    ``stop()`` cancels what is in flight; iterating on then gives what had finished before, and at
    last raises ``failure``, if one was given.
    ``close()``, or dropping the stream, stops it too.
    """

    def __init__(
        self, sources: Iterable[Source], infer: Infer, *, ordered: bool, in_flight: int
    ) -> None:
        super().__init__()
        work = _Work(sources, infer, Ledger(ordered=ordered, in_flight=in_flight))
        if not _start_worker(work, in_flight):
            raise no_thread()
        self._work = work

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Outcome:
        self.check_owner()
        work = self._work
        with work.changed:
            while (outcome := work.ledger.take()) is None:
                if work.ledger.over:
                    failure, work.ledger.failure = work.ledger.failure, None
                    if failure is not None:
                        raise failure
                    raise StopIteration
                # Not for ever at once: a signal that comes just before a wait begins does not end
                # it, and in an outage nothing else would for a long time.
                work.changed.wait(_MAX_WAIT)
            work.changed.notify_all()
            return outcome

    def stop(self, failure: BaseException | None = None) -> None:
        """Take no more images and cancel those in flight. Safe from any thread."""
        if self.is_owner:  # in a forked child nobody would give back the locks
            self._work.stop(failure)

    def close(self) -> None:
        """Stop the stream."""
        self.stop()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_work"):
            self.stop()


def _start_worker(work: _Work, more: int) -> bool:
    """Start a thread; return whether this machine had one."""
    # Daemons: a source that blocks for ever, such as a silent pipe, must not keep the program up.
    thread = threading.Thread(
        target=_run_worker, args=(work, more - 1), name="allclient-classify", daemon=True
    )
    try:
        thread.start()
    except RuntimeError:  # "can't start new thread"
        return False
    return True


def _run_worker(work: _Work, more: int) -> None:
    """Work through images; the first one starts the next worker, so three images make few."""
    while (pulled := work.pull()) is not None:
        # Where no thread is to be had, those that run do all, and this one tries again.
        if more and may_take_a_thread() and _start_worker(work, more):
            more = 0
        work.finish(*pulled)
