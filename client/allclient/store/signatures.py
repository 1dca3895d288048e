"""Signing a case: what a person concludes, kept with the report as it was then."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from allclient.errors import NotFoundError, RefusedError
from allclient.store import audit, blind, cases, changes, fields, late, texts
from allclient.store.actor import Actor
from allclient.store.audit import Break
from allclient.store.changes import ChangedError
from allclient.store.schema import Case, Entry, Field, Signature, now
from allclient.store.words import Conclusion

_ACTION = "case.signed"


def sign(
    session: Session,
    actor: Actor,
    case_id: int,
    *,
    seen: int,
    shown: Mapping[int, int],
    conclusion: Conclusion,
    comment: str,
    report: Callable[[Case, Signature], str],
) -> Signature:
    """Sign a case of which every field has a verdict, by somebody who saw what they sign.

    ``seen`` is the number of the audit log's last entry when they looked at the case, and ``shown``
    the versions of fields that they saw since. ``report`` writes its report as HTML.

    Raises:
        RefusedError: the case has no fields, or one that nobody verified.
        ChangedError: a field or a cell changed in the meantime: nothing is signed then.
    """
    case = cases.get_open(session, case_id)
    blind.refuse(session, actor, case_id)
    unverified = session.scalar(
        select(func.count(Field.id)).where(Field.case_id == case_id, Field.verdict == "")
    )
    if not fields.count(session, case_id):
        raise RefusedError("a case without fields cannot be signed")
    if unverified:
        raise RefusedError(f"{unverified} of the fields have no verdict yet; give them one first")
    if changed := changes.since(session, case_id, seen, shown):
        raise ChangedError(changed)
    signature = Signature(
        case_id=case_id,
        user_id=actor.user_id,
        user_name=actor.name,
        conclusion=conclusion.value,
        comment=texts.comment(comment),
        report="",
        created_at=now(),
    )
    signature.report = report(case, signature)
    session.add(signature)
    case.signed = True
    session.flush()
    audit.append(session, actor, _ACTION, f"case:{case_id}", _details(signature))
    return signature


def open_again(session: Session, actor: Actor, case_id: int) -> Case:
    """Let a signed case change again. Its signatures and their reports stay.

    What the backbones said after the signature enters the case now.
    """
    case = cases.get(session, case_id)
    if not case.signed:
        raise RefusedError("this case is not signed")
    case.signed = False
    audit.append(session, actor, "case.opened", f"case:{case_id}")
    late.enter(session, case_id)
    return case


def of_case(session: Session, case_id: int) -> Sequence[Signature]:
    """All signatures of a case, the latest first."""
    return session.scalars(
        select(Signature)
        .where(Signature.case_id == case_id)
        .order_by(Signature.id.desc())
        .options(joinedload(Signature.delivery))
    ).all()


def get(session: Session, case_id: int, signature_id: int) -> Signature:
    """Return a signature of a case.

    Raises:
        NotFoundError: the case has no such signature.
    """
    signature = session.get(Signature, signature_id)
    if signature is None or signature.case_id != case_id:
        raise NotFoundError("there is no such signature; the case may have been deleted")
    return signature


def check(session: Session) -> Break | None:
    """The first signature that is not the one in the audit log, as it was changed by hand."""
    logged = {
        entry.details.get("signature"): entry
        for entry in session.scalars(select(Entry).where(Entry.action == _ACTION))
    }
    for row in session.scalars(select(Signature).order_by(Signature.id)):
        entry = logged.get(row.id)
        if entry is None:
            return Break(0, f"has no entry for the signature {row.id} of case {row.case_id}")
        if (entry.details, entry.actor) != (_details(row), row.user_name):
            return Break(
                entry.number, f"says otherwise than the signature {row.id}, which was changed"
            )
    return None


def _details(row: Signature) -> dict[str, object]:
    return {
        "signature": row.id,
        "conclusion": row.conclusion,
        "comment_sha256": hashlib.sha256(row.comment.encode()).hexdigest(),
        "report_sha256": hashlib.sha256(row.report.encode()).hexdigest(),
    }
