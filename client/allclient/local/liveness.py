"""Notices a server that runs and does not answer, or answers every image with an error.

Every CHECK_EVERY seconds it looks at Triton's statistics of a model that clients ask. Where they
count a new answer all is well. Where they count failures alone, or nothing for PROBE_EVERY seconds,
a small drawn image is sent. So a busy server is not asked to work, and an idle one rarely.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Final

from allclient.errors import AllclientError
from allclient.local.probe import tiny_png
from allclient.transport import Connection, Retry, TlsOptions
from allclient.transport.blocking import Transport

CHECK_EVERY: Final = 2.0
"""Seconds between looks."""

PROBE_EVERY: Final = 12.0
"""Seconds after which a quiet model gets an image."""

IDLE_LIMIT: Final = 20.0
"""Seconds that an image may wait while the server's processes use no processor time: it hangs."""

BUSY_LIMIT: Final = 180.0
"""Seconds that an image may wait while they do, and no model answers any request."""

MAX_FAILURES: Final = 3
"""Images in a row that a model answers with an error."""

Counts = dict[str, tuple[int, int]]
"""How many requests a model has answered, and failed at, by name."""

_IDLE_SHARE: Final = 0.005
"""Share of one processor; an idle server takes 0.001."""

_RETRY_AFTER: Final = 1.0
_STATISTICS_TIMEOUT: Final = 5.0
_PROBE_TIMEOUT: Final = 3600.0


class Server:
    """A server to ask over connections that stay open: a hanging one makes no new ones."""

    def __init__(
        self,
        address: str,
        models: Sequence[str],
        headers: Mapping[str, str],
        tls: TlsOptions | None = None,
    ) -> None:
        self.models = models
        self._transports = {
            model: Transport(
                Connection(
                    address,
                    model=model,
                    timeout=_PROBE_TIMEOUT,
                    retry=Retry(seconds=0),
                    headers=headers,
                    tls=tls,
                )
            )
            for model in models
        }

    def counts(self, model: str) -> Counts:
        """Return the counts of every model, over the connection of this one.

        Raises:
            AllclientError: it does not answer.
        """
        return self._transports[model].counts(_STATISTICS_TIMEOUT)

    def classify(self, model: str) -> None:
        """Have a small image classified.

        Raises:
            AllclientError: it does not answer.
        """
        self._transports[model].infer(tiny_png())

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            transport.close()


class Liveness:
    """Judges a server every ``tick`` seconds; it never waits for the server itself.

    Time is counted in ticks, not by a clock: a program that was suspended has not waited.
    """

    def __init__(
        self, server: Server, processor_seconds: Callable[[], float], *, tick: float
    ) -> None:
        self._server = server
        self._processor_seconds = processor_seconds
        self._tick = tick
        self._turns = cycle(server.models)
        self._counts: dict[str, Counts] = {}
        self._quiet: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._until_check = 0.0
        self._check: _Check | None = None
        self._waited = self._used = 0.0

    def trouble(self) -> str | None:
        """Return what is wrong, in words, once it is certain."""
        if self._check is None:
            self._until_check -= self._tick
            if self._until_check <= 0:
                self._begin()
            return None
        if not self._check.done.is_set():
            self._waited += self._tick
            return self._hang(self._check)
        look, self._check = self._check, None
        self._counts[look.model] = look.counts
        if look.failure is None:
            self._until_check = CHECK_EVERY
            self._quiet[look.model] = 0 if look.answered else self._quiet[look.model] + 1
            if look.answered:
                del self._failures[look.model]
            return None
        self._failures[look.model] += 1
        self._until_check = _RETRY_AFTER
        if (times := self._failures[look.model]) < MAX_FAILURES:
            return None
        return f"tritonserver runs, and {look.model} failed at {times} images ({look.failure})"

    def answers(self) -> int:
        """Return the answers given by the models that clients ask, as far as known."""
        counts = next(iter(self._counts.values()), {})
        with suppress(AllclientError):
            counts = self._server.counts(self._server.models[0])
        return sum(counts.get(model, (0, 0))[0] for model in self._server.models)

    def _begin(self) -> None:
        model = next(iter(self._failures), None) or next(self._turns)
        quiet = self._quiet[model] * CHECK_EVERY * len(self._server.models)
        probe = quiet >= PROBE_EVERY or model in self._failures or model not in self._counts
        self._waited, self._used = 0.0, self._processor_seconds()
        self._check = _Check(self._server, model, self._counts.get(model, {}), probe)

    def _hang(self, look: _Check) -> str | None:
        if self._waited < IDLE_LIMIT:
            return None
        if self._processor_seconds() - self._used < self._waited * _IDLE_SHARE:
            return f"tritonserver runs, and has answered nothing for {self._waited:.0f} s"
        if self._waited < BUSY_LIMIT:
            return None
        if self._any_answer_since(look):
            self._waited, self._used = 0.0, self._processor_seconds()
            return None
        return f"tritonserver is busy, and has answered nothing for {self._waited:.0f} s"

    def _any_answer_since(self, look: _Check) -> bool:
        before = look.counts
        try:
            look.counts = self._server.counts(look.model)
        except AllclientError:
            return False
        return look.counts != before


class _Check:
    """One look at one model, in a thread of its own.

    ``counts`` are those of the look before, then its own. With ``probe`` an image is sent unless
    there are new answers; without it, only where there are new failures and no answers.
    """

    def __init__(self, server: Server, model: str, counts: Counts, probe: bool) -> None:
        self.model = model
        self.counts = counts
        self.answered = False
        self.failure: AllclientError | None = None
        self.done = threading.Event()
        self._server = server
        self._probe = probe
        threading.Thread(target=self._run, name="allclient-look", daemon=True).start()

    def _run(self) -> None:
        try:
            if self._needs_image():
                self._server.classify(self.model)
                self.answered = True
                with suppress(AllclientError):
                    self.counts = self._server.counts(self.model)  # with this one
        except AllclientError as error:
            self.failure = error
        finally:
            self.done.set()

    def _needs_image(self) -> bool:
        answers, failures = self.counts.get(self.model, (0, 0))
        first = not self.counts
        try:
            self.counts = self._server.counts(self.model)
        except AllclientError:
            return True
        now = self.counts.get(self.model, (0, 0))
        self.answered = not first and now[0] > answers
        return not self.answered and (self._probe or now[1] > failures)
