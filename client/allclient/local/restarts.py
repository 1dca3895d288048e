"""Decides when a server that died is started again, and when it is given up, by numbers alone.

Images that end the server each time are the case to bear. A client needs two deaths for all that
are in flight together, and then two for each, before it is sure.
"""

from __future__ import annotations

from typing import Final

SHORT_LIFE: Final = 60.0
"""Seconds. A server that answered for longer begins anew: its death is the first in a row."""

USEFUL_LIFE: Final = 30
"""Answers. A server that gave as many begins anew, too, however short it lived."""

MAX_DEATHS: Final = 14
"""Deaths in a row, each after a short life, at which the server is given up: three such images are
borne, also where they come one after another and cost four deaths each."""

FIRST_PAUSE: Final = 0.5
"""Seconds before the first new start; doubled each time, up to MAX_PAUSE."""

MAX_PAUSE: Final = 4.0


class Restarts:
    """Counts deaths in a row."""

    def __init__(self) -> None:
        self.deaths = 0

    def pause_after(self, lived: float, answers: int = 0) -> float | None:
        """Return the seconds to wait before the next start; None to give up.

        The server lived so many seconds and gave so many answers.
        """
        anew = lived >= SHORT_LIFE or answers >= USEFUL_LIFE
        self.deaths = 1 if anew else self.deaths + 1
        if self.deaths >= MAX_DEATHS:
            return None
        pause: float = FIRST_PAUSE * 2 ** (self.deaths - 1)
        return min(pause, MAX_PAUSE)
