"""Has the threads of an association wait for what comes, where pynetdicom looks once a millisecond.

On a busy machine each look is a turn that has to be waited for. Two threads serve an association:
one reads PDUs and sends answers, the other handles whole messages.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import ssl
from typing import Any, Final

from pynetdicom import evt
from pynetdicom.transport import AssociationSocket

_LOOK: Final = 0.02
"""Seconds between two looks at what nobody announces: timers, and the end of an association."""

_PAUSE: Final = 0.0001
"""Seconds that pynetdicom sleeps after each look without an event."""


class _WaitingSocket(AssociationSocket):
    """A socket that waits a moment when it is asked whether something has come."""

    bell: socket.socket
    """What rings when there is something to send."""

    @property
    def ready(self) -> bool:
        """Return whether data have come; wait for them, or for something to send."""
        sock: Any = self.socket
        if sock is None or not self._is_connected:
            return False
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        timeout = _LOOK if self.event_queue.empty() else 0
        try:
            found, _, _ = select.select([sock, self.bell], [], [], timeout)
            if self.bell in found:
                self.bell.recv(1024)
        except (OSError, ValueError):  # the connection was closed meanwhile
            self.event_queue.put("Evt17")
            return False
        return sock in found


def wait_for_work(event: evt.Event) -> None:
    """Handle EVT_CONN_OPEN: let the two threads of the association wait."""
    provider: Any = event.assoc.dul
    messages: Any = event.assoc.dimse
    if provider.socket is None:
        return
    bell, hand = socket.socketpair()
    send = provider.send_pdu

    def send_and_ring(primitive: Any) -> None:
        send(primitive)
        with contextlib.suppress(OSError):  # the connection was closed, or it rings already
            hand.send(b"!", socket.MSG_DONTWAIT)

    def next_message(block: bool = False) -> Any:
        try:
            return messages.msg_queue.get(timeout=_LOOK)
        except queue.Empty:
            return None, None

    provider.socket.__class__ = _WaitingSocket
    provider.socket.bell = bell
    provider.bell_and_hand = bell, hand
    provider.send_pdu = send_and_ring
    provider._run_loop_delay = _PAUSE
    messages.get_msg = next_message


def let_go(event: evt.Event) -> None:
    """Handle EVT_CONN_CLOSE: give back what ``wait_for_work`` took."""
    for end in getattr(event.assoc.dul, "bell_and_hand", ()):
        end.close()
    event.assoc.dimse.msg_queue.put((None, None))  # the other thread looks at once, too
