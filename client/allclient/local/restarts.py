"""When a server that died is started again, and when it is given up: numbers alone, no server."""

from __future__ import annotations

from typing import Final

SHORT_LIFE: Final = 60.0
"""Seconds. A server that answered for longer begins anew: its death is the first in a row."""

MOST_DEATHS: Final = 7
"""Deaths in a row, each after a short life, at which the server is given up.

More than one image may cost: a client sends one that ends the server four times before it is sure.
"""

FIRST_PAUSE: Final = 0.5
"""Seconds before the first new start; doubled each time, up to LONGEST_PAUSE."""

LONGEST_PAUSE: Final = 8.0


class Restarts:
    """Counts deaths in a row."""

    def __init__(self) -> None:
        self.deaths = 0

    def pause_after(self, lived: float) -> float | None:
        """Seconds to wait before the next start of a server that lived so long; None: give up."""
        self.deaths = 1 if lived >= SHORT_LIFE else self.deaths + 1
        if self.deaths >= MOST_DEATHS:
            return None
        pause: float = FIRST_PAUSE * 2 ** (self.deaths - 1)
        return min(pause, LONGEST_PAUSE)
