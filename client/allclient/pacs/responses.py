"""Answers success of C-STORE from an encoded pattern, where pynetdicom encodes each answer anew.

Such an answer differs in the number of the message and the UID of the instance alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.dimse_messages import C_STORE_RSP
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA

SUCCESS: Final = 0x0000

_NUMBER: Final = b"\x00\x00\x20\x01\x02\x00\x00\x00"
"""Begins Message ID Being Responded To; its two bytes follow."""

_HEAD: Final = 6
"""Bytes that a PDU adds to a fragment."""


def answer_at_once(event: evt.Event) -> None:
    """Handle EVT_CONN_OPEN: make the association's answers of success from a pattern."""
    messages: Any = event.assoc.dimse
    send = messages.send_msg

    def send_msg(primitive: Any, context_id: int) -> None:
        if type(primitive) is C_STORE and primitive.Status == SUCCESS:
            data = encoded(primitive)
            if messages.maximum_pdu_size == 0 or len(data) + _HEAD <= messages.maximum_pdu_size:
                answer = P_DATA()
                answer.presentation_data_value_list.append((context_id, data))
                messages.dul.send_pdu(answer)
                return
        send(primitive, context_id)

    messages.send_msg = send_msg


def encoded(answer: C_STORE) -> bytes:
    """Return the answer as the last fragment of a command."""
    instance = str(answer.AffectedSOPInstanceUID).encode("ascii")
    number = int(answer.MessageIDBeingRespondedTo or 0)
    before, after = _pattern(str(answer.AffectedSOPClassUID), len(instance))
    return b"".join(
        (before, number.to_bytes(2, "little"), after, instance, bytes(len(instance) % 2))
    )


@lru_cache(256)
def _pattern(sop_class: str, length: int) -> tuple[bytes, bytes]:
    """Return what stands before the number, and between it and an instance's UID."""
    made = C_STORE()
    made.MessageID = made.MessageIDBeingRespondedTo = 0
    made.AffectedSOPClassUID = UID(sop_class)
    made.AffectedSOPInstanceUID = UID("1" * length)
    made.Status = SUCCESS
    message: Any = C_STORE_RSP()
    message.primitive_to_message(made)
    ((_, data),) = next(message.encode_msg(1, 0)).presentation_data_value_list
    at = data.index(_NUMBER) + len(_NUMBER)
    return data[:at], data[at + 2 : len(data) - length - length % 2]
