"""Signatures on their way to the PACS: what waits, what was handed over, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from allclient.contract import Subtype
from allclient.errors import NotFoundError, RefusedError
from allclient.store import audit
from allclient.store.actor import SYSTEM, Actor
from allclient.store.schema import Delivery, Field, Signature
from allclient.store.words import DeliveryState


def begin(session: Session, signature: Signature) -> None:
    """Let a new signature wait for the PACS, if fields of its case came as DICOM objects."""
    rows = session.execute(
        select(Field.study_uid, Field.verified_subtype).where(Field.case_id == signature.case_id)
    ).all()
    studies = {row.study_uid for row in rows if row.study_uid}
    malignant = {row.verified_subtype for row in rows if row.verified_subtype}
    malignant.discard(Subtype.BENIGN.value)
    if not studies:
        return
    several = len(studies) > 1
    signature.delivery = Delivery(
        study_uid=None if several else studies.pop(),
        subtype=malignant.pop() if len(malignant) == 1 else None,
        state=(DeliveryState.FAILED if several else DeliveryState.WAITING).value,
        message="the fields are of several DICOM studies, and a report is of one"
        if several
        else "",
        report_uid="",
    )
    session.flush()


def waiting(session: Session) -> Sequence[int]:
    """Return the signatures that wait, the oldest first."""
    return session.scalars(
        select(Delivery.signature_id)
        .where(Delivery.state == DeliveryState.WAITING.value)
        .order_by(Delivery.id)
    ).all()


def of_signature(session: Session, signature_id: int) -> Delivery:
    """Return the delivery of a signature. Raises NotFoundError."""
    found = session.scalar(select(Delivery).where(Delivery.signature_id == signature_id))
    if found is None:
        raise NotFoundError("this signature does not go to a PACS")
    return found


def record_queued(session: Session, signature_id: int, report_uid: str) -> None:
    """Keep that the gateway has the report."""
    delivery = of_signature(session, signature_id)
    delivery.state, delivery.message = DeliveryState.QUEUED.value, ""
    delivery.report_uid = report_uid
    audit.append(session, SYSTEM, "signature.queued", f"signature:{signature_id}")


def record_failure(session: Session, signature_id: int, message: str) -> None:
    """Keep why there is no report."""
    delivery = of_signature(session, signature_id)
    delivery.state, delivery.message = DeliveryState.FAILED.value, message
    audit.append(session, SYSTEM, "signature.not_queued", f"signature:{signature_id}")


def try_again(session: Session, actor: Actor, signature: Signature) -> None:
    """Let a signature wait once more that failed."""
    delivery = of_signature(session, signature.id)
    if delivery.state != DeliveryState.FAILED.value:
        raise RefusedError("only a report that failed is made again")
    if delivery.study_uid is None:
        raise RefusedError(delivery.message)
    delivery.state, delivery.message = DeliveryState.WAITING.value, ""
    audit.append(session, actor, "signature.tried_again", f"signature:{signature.id}")
