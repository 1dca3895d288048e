"""Chooses among several servers: the one with the least to do that is not known to be away.

gRPC balances over the addresses of one DNS name by itself (``options.py``). It takes no list of
names, and with TLS it would hold every server of a list against one name. So a list is balanced
here, with a channel for each server. No network here, and nothing waits: the lock is held for a
few lines, so that threads and event loops use the same books.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from allclient.transport.options import Connection

_FIRST_REST: Final = 1.0
_LONGEST_REST: Final = 30.0
"""Seconds that a server which did not answer gets no image; they double with each trial."""


class Server:
    """One server and what is known of it."""

    def __init__(self, number: int, connection: Connection) -> None:
        self.number = number
        self.connection = connection
        self.in_flight = 0
        self.used = 0
        self.misses = 0
        """Answers that did not come since the last one that did."""
        self.rests_until = 0.0


class Servers:
    """All servers of one client. With a single one every choice is that."""

    def __init__(
        self, connections: Sequence[Connection], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._all = [Server(number, one) for number, one in enumerate(connections)]
        self._clock = clock
        self._lock = threading.Lock()
        self._choices = 0

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Server]:
        return iter(self._all)

    @contextmanager
    def chosen(self) -> Iterator[Server]:
        """Choose a server for one call, which lasts as long as the block."""
        with self._lock:
            server = self._choose()
            server.in_flight += 1
            self._choices += 1
            server.used = self._choices
        try:
            yield server
        finally:
            with self._lock:
                server.in_flight -= 1

    def answered(self, server: Server) -> None:
        """Note that a server answered."""
        server.misses = 0

    def missed(self, server: Server) -> None:
        """Note that a server is away: it gets nothing for a while, and then one image to try."""
        with self._lock:
            now = self._clock()
            if server.misses and now < server.rests_until:
                return  # one of many images that it had at that time
            server.misses += 1
            rest = min(_FIRST_REST * 2.0 ** min(server.misses - 1, 10), _LONGEST_REST)
            server.rests_until = now + rest

    def another_is_there(self, server: Server) -> bool:
        """Return whether there is another server that is not known to be away."""
        return any(not other.misses for other in self._all if other is not server)

    def _choose(self) -> Server:
        now = self._clock()
        fit = [
            server
            for server in self._all
            if not server.misses or (now >= server.rests_until and not server.in_flight)
        ]
        if not fit:
            return min(self._all, key=lambda server: (server.rests_until, server.in_flight))
        return min(fit, key=lambda server: (server.in_flight, server.used))
