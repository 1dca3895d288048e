"""Records what people say of fields. Nothing that anybody said is overwritten."""

from __future__ import annotations

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from allclient.contract import Subtype
from allclient.errors import ConflictError, RefusedError
from allclient.store import audit, blind, cases, changes, fields, texts
from allclient.store.actor import Actor
from allclient.store.audit import Break
from allclient.store.schema import Entry, Field, Verification, now
from allclient.store.words import FieldState, Verdict

_ACTION = "field.verified"


def verify(
    session: Session,
    actor: Actor,
    field_id: int,
    *,
    seen: int,
    verdict: Verdict,
    subtype: Subtype | None = None,
    comment: str = "",
) -> Field:
    """Record a verification of a field by somebody who saw its version ``seen``.

    ``subtype`` is what a corrected field shows; a confirmed one keeps the answer's. Raises
    ConflictError where somebody else changed the field in the meantime: nothing is recorded then.
    """
    field = fields.get(session, field_id)
    cases.get_open(session, field.case_id)
    if field.version != seen:
        # It does not tell the verdict: whoever is refused may be reading blind.
        raise ConflictError(
            f"{changes.who_changed(session, field_id)} changed this field while you looked at it. "
            "Nothing of yours was saved; look again and decide"
        )
    verification = Verification(
        field=field,
        user_id=actor.user_id,
        user_name=actor.name,
        verdict=verdict.value,
        subtype=_subtype(field, verdict, subtype),
        comment=texts.comment(comment),
        blind=blind.reads_blind(session, actor, field.case_id),
        created_at=now(),
    )
    session.add(verification)
    field.verdict = verdict.value
    field.verified_subtype = verification.subtype
    field.version += 1
    session.flush()
    audit.append(session, actor, _ACTION, f"field:{field_id}", _details(verification))
    return field


def check(session: Session) -> Break | None:
    """Return the first verification that differs from the audit log: it was changed by hand."""
    rows = session.scalars(select(Verification).order_by(Verification.id))
    logged = {
        entry.details.get("verification"): entry
        for entry in session.scalars(select(Entry).where(Entry.action == _ACTION))
    }
    for row in rows:
        entry = logged.get(row.id)
        if entry is None:
            return Break(0, f"has no entry for the verification {row.id} of field {row.field_id}")
        facts = (entry.details, entry.actor, entry.subject)
        if facts != (_details(row), row.user_name, f"field:{row.field_id}"):
            return Break(
                entry.number, f"says otherwise than the verification {row.id}, which was changed"
            )
    return None


def _details(row: Verification) -> dict[str, object]:
    # A comment may name a patient: its digest is enough to see a change.
    details: dict[str, object] = {
        "verification": row.id,
        "verdict": row.verdict,
        "subtype": row.subtype,
        "comment_sha256": hashlib.sha256(row.comment.encode()).hexdigest(),
    }
    # Entries from before there were blind readings say nothing of them.
    return details | ({"blind": True} if row.blind else {})


def _subtype(field: Field, verdict: Verdict, subtype: Subtype | None) -> str | None:
    if verdict is Verdict.UNUSABLE:
        return None
    if verdict is Verdict.CORRECTED:
        if subtype is None:
            raise RefusedError("a correction says what the field shows instead")
        return subtype.value
    if field.state != FieldState.ANSWERED.value or field.answer is None:
        raise RefusedError("this field has no answer to confirm; say what it shows, or unusable")
    return field.answer.subtype
