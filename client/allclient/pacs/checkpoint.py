"""Keeps pynetdicom's background thread from taking the answer that a sender waits for."""

from __future__ import annotations

import threading
from typing import Final

from pynetdicom.association import Association

_LOOK: Final = 0.05
"""Seconds between two looks whether the association has ended meanwhile."""


class Checkpoint(threading.Event):
    """Holds the background thread of an association while a request is out.

    pynetdicom takes that thread for held while it is still on its way out of the event's ``wait``.
    On a busy machine it then takes the answer from the queue, and the sender waits until its
    timeout and aborts. Here ``clear`` returns once the thread is inside ``wait`` and stays there.
    """

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._change = threading.Condition()
        self._is_open = True
        self._is_held = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until ``set``; whoever is let go has left before ``clear`` can begin."""
        with self._change:
            self._is_held = True
            self._change.notify_all()
            self._change.wait_for(lambda: self._is_open, timeout)
            self._is_held = False
            return self._is_open

    def set(self) -> None:
        """Let the thread go on."""
        with self._change:
            self._is_open = True
            self._change.notify_all()

    def clear(self) -> None:
        """Hold the thread, or see that it has ended."""
        with self._change:
            self._is_open = False
            while not (self._is_held or self._is_over()):
                self._change.wait(_LOOK)

    def _is_over(self) -> bool:
        return not self._association.is_alive() or not self._association.is_established


def keep_answers(association: Association) -> None:
    """Give an established association, which only sends requests, this checkpoint."""
    association._reactor_checkpoint = Checkpoint(association)
