"""Waits for a server that does not answer when the page starts, and says so meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from allclient.errors import AllclientError
from allclient.threads import beside
from allclient.transport import Health
from allclient.web.worker import Classifier, Worker

_PAUSE: Final = 5.0
"""Seconds until the server is asked again."""

_PATIENCE: Final = 3.0
"""Seconds that it has for an answer; the page may have to end in the middle."""


class Server(Classifier, Protocol):
    """A server that can be asked how it is; ``allclient.Client`` is one."""

    @property
    def address(self) -> str:
        """Where it is."""

    def health(self, *, timeout: float) -> Health:
        """Return what the server says about itself. Raises AllclientError where it says nothing."""


@contextlib.contextmanager
def awaited(
    worker: Worker, server: Server, tell: Callable[[str], None], pause: float = _PAUSE
) -> Iterator[None]:
    """Have the worker use a server as soon as it answers, for as long as the block lasts.

    ``tell`` gets a line when the server does not answer at first, and one when it does then.
    """

    def run(over: threading.Event) -> None:
        told = False
        while not over.is_set():
            try:
                state = server.health(timeout=_PATIENCE)
            except AllclientError as error:
                worker.explain(_away(error))
                if not told:
                    tell(worker.status)
                told = True
                over.wait(pause)
                continue
            worker.use(server)
            if not state.ok:  # a field is tried all the same: another server may be well
                problems = "; ".join(state.problems) or "it is not ready"
                worker.explain(f"The server at {server.address} cannot read fields yet: {problems}")
                tell(worker.status)
            elif told:
                tell(f"The server at {server.address} answers now, and reads what waits.")
            return

    with beside(run, "allclient-web-arrival"):
        yield


def _away(error: AllclientError) -> str:
    return (
        f"The backbones do not answer yet ({error}); new fields wait, and review works. The server "
        "is asked again until it comes. If its address is wrong, start the page with another "
        "--server."
    )
