"""Decides when one image is tried again, and when not: no network and no threads here.

A server may be away for a while: it restarts, stops or cannot be reached. Its clients wait for it,
for a bounded time. An image that was at the server when that was lost may be the reason: after the
second loss it is sent with nothing else in flight, and after the fourth it is an error of its own,
so that neither the image stops the run nor its neighbours are blamed for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tritonclient.utils import InferenceServerException

from allclient.errors import ServerLostError
from allclient.transport.options import Connection
from allclient.transport.status import Trouble, detail_of, status_name, translate, trouble_of

ALONE_FROM: Final = 2
"""Setbacks after which an image is sent alone."""

MAX_SETBACKS: Final = 4
"""Setbacks after which an image is an error."""

MAX_SHORTAGES: Final = 12
"""Times that shared memory may be short for an image. The processes that decode never give back
what they hold of it, so that an image may fit into one of them and never into another. Which of
them gets a try is chance."""

MAX_OUTAGES: Final = 5
"""Times the patience with one outage, for outages that follow each other without an answer: as
many as a few images that each end the server need."""

MAX_JUMPS: Final = 3
"""Deadlines of one call that may come too early."""

_EARLY: Final = 0.9
"""The share of the timeout before which no deadline comes by itself. gRPC is given a moment of the
clock of the day, so one that is set forward just then ends the call."""

SICK_PAUSE: Final = 3.0
"""Seconds, doubled with each setback, for the server to heal the process of a model."""


class Presence:
    """Whether one server was ever there for its client, and since when it is away.

    All calls of a client share one: an answer to any of them shows that the server is there.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.known = False
        self.lacks: set[str] = set()
        """Outputs that the server does not have, as far as it is known."""
        self._release = ""
        self.clock = clock
        self._away_since: float | None = None
        self._silent_since: float | None = None

    def answered(self) -> None:
        """Note that the server answered."""
        self.known = True
        self._away_since = self._silent_since = None

    def named(self, release: str) -> None:
        """Note which release an answer names; another one may have outputs that the last lacked."""
        if release != self._release:
            self._release = release
            self.lacks.clear()

    def lost(self) -> None:
        """Note that the server was lost at its work: it had been there, and is away anew."""
        self.known = True
        self.lacks.clear()  # the next one may be newer
        self._away_since = None

    def missed(self, limit: float) -> float:
        """Note that the server did not answer; return what is left of ``limit`` for this outage.

        Outages in a row without an answer between have MAX_OUTAGES times that together.
        """
        now = self.clock()
        if self._away_since is None:
            self._away_since = now
        if self._silent_since is None:
            self._silent_since = now
        return min(
            limit - (now - self._away_since), MAX_OUTAGES * limit - (now - self._silent_since)
        )


class Deadline:
    """The deadline of one call, which may come before its time (``_EARLY``): then it is no answer.

    ``timeout`` is in seconds.
    """

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = timeout
        self._clock = clock
        self._jumps = 0
        self.begin()

    def begin(self) -> None:
        """Note that the call is made, for the first time or again."""
        self._begun = self._clock()

    def came_early(self, error: InferenceServerException) -> bool:
        """Return whether an error is a deadline before its time: the call is to be made again."""
        if status_name(error) != "DEADLINE_EXCEEDED" or self._jumps == MAX_JUMPS:
            return False
        if self._clock() - self._begun >= _EARLY * self._timeout:
            return False
        self._jumps += 1
        return True


class Tries:
    """The tries of one image, at any of the servers that share the work."""

    def __init__(self, connection: Connection, presence: Presence) -> None:
        self.connection = connection
        """The connection to the server that has the image, which errors name."""
        self._presence = presence
        self._pauses = connection.retry.pauses()
        self._setbacks = 0
        self._shortages = 0
        self._deadline = Deadline(connection.timeout, presence.clock)
        self._deadlines_left = len(connection.addresses) - 1
        """Deadlines that may pass before one is the error: a frozen server has others beside it."""

    @property
    def alone(self) -> bool:
        """Whether the next try needs the server for itself."""
        return max(self._setbacks, self._shortages) >= ALONE_FROM

    def begin(self) -> None:
        """Note that a try begins."""
        self._deadline.begin()

    def pause_after(self, error: InferenceServerException, *, elsewhere: bool = False) -> float:
        """Return the seconds to wait before the next try. Raises the error that ends them.

        With ``elsewhere`` another server is there, so nobody has to wait for this one.
        """
        retry = self.connection.retry
        trouble = trouble_of(error)
        late = status_name(error) == "DEADLINE_EXCEEDED"
        if retry.seconds and self._deadline.came_early(error):
            return 0.0
        if late and retry.seconds and self._deadlines_left:
            self._deadlines_left -= 1
            return 0.0 if elsewhere else next(self._pauses)
        if trouble is Trouble.FINAL or retry.seconds == 0:
            if trouble is Trouble.FINAL and not late:
                self._presence.answered()
            raise self._translated(error) from error
        return self._pause(trouble, error, elsewhere)

    def _pause(self, trouble: Trouble, error: InferenceServerException, elsewhere: bool) -> float:
        retry = self.connection.retry
        pause = next(self._pauses)
        if trouble is Trouble.SHORT:
            self._presence.answered()
            self._shortages += 1
            if self._shortages >= MAX_SHORTAGES:
                raise self._translated(error) from error
            return 0.0 if elsewhere else pause
        if trouble is not Trouble.AWAY:
            self._setbacks += 1
            if self._setbacks >= MAX_SETBACKS:
                raise self._given_up(error) from error
        if elsewhere:
            return 0.0
        if trouble is Trouble.SICK:
            # The server is there, and takes this long to notice and to start anew.
            pause = max(pause, SICK_PAUSE * 2 ** (self._setbacks - 1))
        if trouble is not Trouble.AWAY:
            self._presence.lost()
        limit = retry.seconds if self._presence.known else min(retry.seconds, retry.first_contact)
        if self._presence.missed(limit) < pause:
            raise self._translated(error) from error
        return pause

    def _given_up(self, error: InferenceServerException) -> Exception:
        return ServerLostError(
            f"the server at {self.connection.address} was lost {self._setbacks} times while it "
            f"had this image, at last with no other from this client ({detail_of(error)})"
        )

    def _translated(self, error: InferenceServerException) -> Exception:
        return translate(error, self.connection.address, self.connection.model)
