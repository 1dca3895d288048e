"""Hands signatures to the PACS part, which makes VERIFIED DICOM reports of them.

A signature waits in the store until the gateway has it, so one that a crash left is handed over at
the next start; the gateway takes the same one twice as one.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final, Protocol

from allclient.contract import Label, Subtype
from allclient.errors import AllclientError
from allclient.store import Store, deliveries
from allclient.store.schema import Signature
from allclient.store.words import Conclusion, DeliveryState

_log = logging.getLogger(__name__)

_LONGEST_NAME: Final = 64
"""Characters of a person's name in DICOM."""

LABELS: Final = {
    Conclusion.BENIGN.value: Label.BENIGN,
    Conclusion.MALIGNANT.value: Label.MALIGNANT,
    Conclusion.INCONCLUSIVE.value: None,
}


class Pacs(Protocol):
    """Signs the newest report of a DICOM study; ``allclient.pacs.signing.sign_case`` does."""

    def __call__(
        self,
        uid: str,
        *,
        by: str,
        at: datetime,
        label: Label | None,
        subtype: Subtype | None,
        comment: str,
    ) -> str:
        """Return the UID of the signed report. Raises AllclientError."""


def hand_over(store: Store, pacs: Pacs, signature_id: int) -> None:
    """Have the report of a signature made if it waits, and keep what came of it."""
    with store.read() as session:
        signature = session.get_one(Signature, signature_id)
        delivery = deliveries.of_signature(session, signature_id)
    if delivery.state != DeliveryState.WAITING.value or delivery.study_uid is None:
        return
    label = LABELS[signature.conclusion]
    subtype = Subtype(delivery.subtype) if delivery.subtype and label is Label.MALIGNANT else None
    problem, uid = "", ""
    try:
        uid = pacs(
            delivery.study_uid,
            by=signature.user_name[:_LONGEST_NAME],
            at=signature.created_at,
            label=label,
            subtype=subtype,
            comment=signature.comment,
        )
    except AllclientError as error:
        problem = str(error)
    except Exception as error:  # the folder of the gateway, and its database
        _log.exception("the signature %d cannot be handed to the PACS", signature_id)
        problem = f"the folder of the gateway cannot be used ({type(error).__name__})"
    with store.write() as session:
        if problem:
            deliveries.record_failure(session, signature_id, problem)
        else:
            deliveries.record_queued(session, signature_id, uid)


def hand_over_all(store: Store, pacs: Pacs) -> None:
    """Hand over every signature that waits."""
    with store.read() as session:
        found = deliveries.waiting(session)
    for signature_id in found:
        hand_over(store, pacs, signature_id)
