"""The answers that are made from a pattern are those that pynetdicom makes."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom.uid import UID
from pynetdicom.dimse_messages import C_STORE_RSP
from pynetdicom.dimse_primitives import C_STORE

from allclient.pacs import responses
from allclient.pacs.classes import STORED


@pytest.mark.parametrize("instance", ["1.2", "1.2.3", "2.25." + "9" * 39, "1." + "1" * 62])
@pytest.mark.parametrize("number", [1, 0x2001, 65535])
def test_a_success_is_encoded_as_the_library_does(instance: str, number: int) -> None:
    for sop_class in STORED:
        answer = C_STORE()
        answer.MessageID = answer.MessageIDBeingRespondedTo = number
        answer.AffectedSOPClassUID, answer.AffectedSOPInstanceUID = sop_class, UID(instance)
        answer.Status = 0
        message: Any = C_STORE_RSP()
        message.primitive_to_message(answer)
        ((_, data),) = next(message.encode_msg(1, 0)).presentation_data_value_list
        assert responses.encoded(answer) == data
