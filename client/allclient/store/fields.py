"""Keeps fields: a file accepted into a case, and the answer or failure that follows."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Select, and_, bindparam, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from allclient.errors import AllclientError, NotFoundError, RefusedError
from allclient.result import Result
from allclient.store import answers, audit, cases, dicoms, late, media, urgency
from allclient.store.actor import SYSTEM, Actor
from allclient.store.dicoms import UNKNOWN, Origin
from allclient.store.files import Incoming
from allclient.store.schema import Case, Field, File, LateOutcome
from allclient.store.sight import EVERYTHING, Sight
from allclient.store.store import Store
from allclient.store.words import FieldState

_LONGEST_NAME = 150

# Made once, as it is asked for each file: to make it takes longer than to ask it.
_PLACE: Final = (
    select(Case.signed, File.digest, Field)
    .select_from(Case)
    .outerjoin(File, File.digest == bindparam("digest"))
    .outerjoin(Field, and_(Field.case_id == Case.id, Field.digest == bindparam("digest")))
    .where(Case.id == bindparam("case_id"))
)


def accept(
    store: Store,
    actor: Actor,
    case_id: int,
    name: str,
    incoming: Incoming,
    origin: Origin = UNKNOWN,
) -> tuple[Field, bool]:
    """Return the field of a finished file in a case, and whether it is new there.

    Once this returns, the file and its field are on the disk and survive a crash. Of a DICOM object
    only its picture is taken, and its ``Origin``: by the study a signature finds its way back.
    """
    if incoming.media_type == media.DICOM:
        with dicoms.picture_of(store.files, incoming) as (picture, found):
            return accept(store, actor, case_id, name, picture, found)
    wanted = {"case_id": case_id, "digest": incoming.digest}
    with store.read() as session:
        _place(session, wanted)  # before the file is kept, which nothing would show
    store.files.keep(incoming)
    try:
        return _taken(store, actor, wanted, name, incoming, origin)
    except (NotFoundError, RefusedError):  # deleted or signed in the meantime
        cases.forget_stray(store, incoming.digest)
        raise


def _taken(
    store: Store,
    actor: Actor,
    wanted: dict[str, object],
    name: str,
    incoming: Incoming,
    origin: Origin,
) -> tuple[Field, bool]:
    """Make the field of a file that is kept."""
    with store.write() as session:
        file, present = _place(session, wanted)
        if present is not None:
            for key, value in origin._asdict().items():
                setattr(present, key, getattr(present, key) or value)
            return present, False
        store.files.keep(incoming)  # a deletion may have come between
        if file is None:
            session.add(
                File(digest=incoming.digest, size=incoming.size, media_type=incoming.media_type)
            )
        field = Field(
            case_id=wanted["case_id"],
            digest=incoming.digest,
            name=shown_name(name),
            **origin._asdict(),
            state=FieldState.WAITING.value,
            created_by=actor.name,
        )
        session.add(field)
        session.flush()
        audit.append(
            session, actor, "field.uploaded", f"field:{field.id}", {"sha256": field.digest}
        )
    return field, True


def _place(session: Session, wanted: dict[str, object]) -> tuple[str | None, Field | None]:
    """Return the file if the store has it, and its field if the case has it.

    Raises:
        NotFoundError: there is no such case.
        RefusedError: it is signed.
    """
    row = session.execute(_PLACE, wanted).first()
    cases.require_open(row.signed if row else None)
    assert row is not None
    return row.digest, row.Field


def shown_name(name: str) -> str:
    """Return the last part of a name that a browser sent, without control characters."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    clean = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip()
    return clean[-_LONGEST_NAME:] or "unnamed"


def get(session: Session, field_id: int) -> Field:
    """Return a field with its answer, its file and its verifications."""
    field = session.scalar(
        select(Field)
        .where(Field.id == field_id)
        .options(
            joinedload(Field.answer),
            joinedload(Field.file),
            joinedload(Field.case),
            joinedload(Field.late),
            selectinload(Field.verifications),
        )
        .execution_options(populate_existing=True)  # also what the session knew in part
    )
    if field is None:
        raise NotFoundError("there is no such field; its case may have been deleted")
    return field


def by_need(
    session: Session,
    case_id: int,
    *,
    limit: int,
    offset: int = 0,
    sight: Sight = EVERYTHING,
    history: bool = False,
) -> Sequence[Field]:
    """The fields of a case: those not verified first, and of these the most urgent first.

    With ``sight`` only verdicts that its person may see count. With ``history`` the fields have
    their verifications, too.
    """
    return session.scalars(
        select(Field)
        .where(Field.case_id == case_id)
        .order_by(sight.verified(), Field.urgency.desc(), Field.id)
        .limit(limit)
        .offset(offset)
        .options(joinedload(Field.answer), *([selectinload(Field.verifications)] * history))
        .execution_options(populate_existing=history)  # also what the session knew in part
    ).all()


def count(session: Session, case_id: int) -> int:
    """Return how many fields a case has."""
    return session.scalar(select(func.count(Field.id)).where(Field.case_id == case_id)) or 0


def waiting(session: Session, *, limit: int, but: Collection[int] = ()) -> Sequence[Field]:
    """Return the fields that wait longest for the backbones, without those in ``but``."""
    return session.scalars(
        _read_now().where(Field.id.not_in(but)).order_by(Field.id).limit(limit)
    ).all()


def _read_now() -> Select[Field]:
    """Return what selects the fields that wait for the backbones, with their cases."""
    came_late = select(LateOutcome.field_id).where(LateOutcome.field_id == Field.id).exists()
    return (
        select(Field)
        .where(Field.state == FieldState.WAITING.value, ~came_late)
        .options(joinedload(Field.case))
    )


def record_answer(store: Store, field_id: int, result: Result) -> bool:
    """Keep the answer of a field that waits; return False if it is gone or has one."""
    return bool(record_answers(store, {field_id: result}))


def record_answers(store: Store, results: Mapping[int, Result]) -> set[int]:
    """Keep the answers of fields, by their ids, in one transaction.

    Return the ids without those of fields that are gone or have an answer. An answer to a field of
    a signed case is kept beside the case, see ``late``.
    """
    with store.write() as session:
        waited = session.scalars(_read_now().where(Field.id.in_(results))).all()
        late.keep_answers(session, [(f, results[f.id]) for f in waited if f.case.signed])
        answered = [(field, results[field.id]) for field in waited if not field.case.signed]
        answers.add(session, answered)
        for field, result in answered:
            field.state = FieldState.ANSWERED.value
            field.version += 1
            field.urgency = urgency.urgency_of(result)
            field.error_code = field.error_message = None
        audit.extend(
            session,
            SYSTEM,
            "field.answered",
            [(f"field:{field.id}", answers.facts(result)) for field, result in answered],
        )
    return {field.id for field in waited}


def record_failure(store: Store, field_id: int, error: AllclientError) -> bool:
    """Keep why a field has no answer; return False if it is gone or has one."""
    with store.write() as session:
        field = session.scalar(_read_now().where(Field.id == field_id))
        if field is None:
            return False
        if field.case.signed:
            late.keep_failure(session, field, error)
            return True
        field.state = FieldState.FAILED.value
        field.version += 1
        field.urgency = urgency.FAILED
        field.error_code, field.error_message = error.code, str(error)
        audit.append(session, SYSTEM, "field.failed", f"field:{field_id}", {"code": error.code})
    return True


def try_again(session: Session, actor: Actor, field_id: int) -> Field:
    """Let a field that failed wait for the backbones once more."""
    field = get(session, field_id)
    cases.get_open(session, field.case_id)
    if field.state != FieldState.FAILED.value:
        raise RefusedError("only a field that failed is read again")
    field.state = FieldState.WAITING.value
    field.version += 1
    audit.append(session, actor, "field.tried_again", f"field:{field_id}")
    return field
