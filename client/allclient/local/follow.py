"""Has a running server serve the release of a folder that is active."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allclient.errors import AllclientError, ServerUnavailableError
from allclient.local.releases import Releases

if TYPE_CHECKING:
    from allclient.local.embedded import LocalServer


_MAX_LOSSES: Final = 2
"""Times that the server may be lost over one change."""


class Follower:
    """Follows a folder; ``say`` gets a sentence for every change, and for one that failed.

    A release that cannot be served is not tried again before another one was active. One that the
    server was lost over is, once more: that may have had another reason.

    Raises ConfigurationError at the start, if no release is active.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._releases = Releases(folder)
        self._say = say
        self.repository = self._releases.active()
        """What to serve first."""
        self._losses = 0

    def follow(self, server: LocalServer) -> None:
        """Change over if another release is active, and return when that is done."""
        try:
            wanted = self._releases.active()
            if wanted == self.repository:
                return
            self.repository = wanted
            self._say(f"changing from release {server.release} to {wanted.name}")
            begun = time.monotonic()
            server.activate(wanted)
        except ServerUnavailableError as error:
            self._losses += 1
            if self._losses < _MAX_LOSSES:
                self.repository = server.model_repository
            self._say(f"release {server.release} is still served: {error}")
        except (AllclientError, OSError) as error:
            self._losses = 0
            self._say(f"release {server.release} is still served: {error}")
        else:
            self._losses = 0
            took = time.monotonic() - begun
            self._say(f"serving release {server.release}; the old one is gone after {took:.1f} s")
