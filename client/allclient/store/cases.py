"""Makes, finds, renames and deletes cases, with everything in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from allclient.contract import Label
from allclient.errors import NotFoundError, RefusedError
from allclient.store import audit, urgency
from allclient.store.actor import Actor
from allclient.store.schema import Answer, Case, Field, File, LateOutcome
from allclient.store.sight import Sight
from allclient.store.store import Store
from allclient.store.words import FieldState

MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class Count:
    """How far the fields of a case have come."""

    fields: int = 0
    waiting: int = 0
    failed: int = 0
    malignant: int = 0
    """Answers of the backbones, not of a person."""
    review: int = 0
    """Not verified yet, and the backbones ask for a person or gave no answer."""
    verified: int = 0
    late: int = 0
    """Answers that came after the signature, and are in the case when it is opened again."""

    @property
    def answered(self) -> int:
        """The number of fields that have an answer."""
        return self.fields - self.waiting - self.failed


def make(session: Session, actor: Actor, name: str) -> Case:
    """Make a case."""
    case = Case(name=_checked(name), created_by=actor.name)
    session.add(case)
    session.flush()
    audit.append(session, actor, "case.made", f"case:{case.id}")
    return case


def get(session: Session, case_id: int) -> Case:
    """Return a case. Raises NotFoundError."""
    case = session.get(Case, case_id)
    if case is None:
        raise _gone()
    return case


def get_open(session: Session, case_id: int) -> Case:
    """A case that may change. Raises RefusedError where it is signed."""
    case = get(session, case_id)
    require_open(case.signed)
    return case


def require_open(signed: bool | None) -> None:
    """Raise RefusedError for a case that is signed, and NotFoundError where there is none."""
    if signed is None:
        raise _gone()
    if signed:
        raise RefusedError("this case is signed; open it again to change anything in it")


def _gone() -> NotFoundError:
    return NotFoundError("there is no such case; it may have been deleted")


def rename(session: Session, actor: Actor, case_id: int, name: str) -> Case:
    """Give a case another name."""
    case = get_open(session, case_id)
    case.name = _checked(name)
    audit.append(session, actor, "case.renamed", f"case:{case.id}")
    return case


def newest(session: Session, *, limit: int, before: int | None = None) -> Sequence[Case]:
    """Return the newest cases first; ``before`` is the id of the last one seen."""
    query = select(Case).order_by(Case.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Case.id < before)
    return session.scalars(query).all()


def counts(session: Session, case_ids: Sequence[int], sight: Sight) -> dict[int, Count]:
    """Return how far each of these cases has come, in one query, as its person may see it."""
    verified = sight.verified()
    failed = Field.state == FieldState.FAILED.value
    doubtful = failed | (Field.urgency >= urgency.REVIEW)
    rows = session.execute(
        select(
            Field.case_id,
            func.count(),
            _count(Field.state == FieldState.WAITING.value),
            _count(failed),
            _count(Answer.label == Label.MALIGNANT.value),
            _count(~verified & doubtful),
            _count(verified),
            _count(LateOutcome.error_code.is_(None) & LateOutcome.field_id.is_not(None)),
        )
        .outerjoin(Answer, Answer.field_id == Field.id)
        .outerjoin(LateOutcome, LateOutcome.field_id == Field.id)
        .where(Field.case_id.in_(case_ids))
        .group_by(Field.case_id)
    )
    found = {case_id: Count(*values) for case_id, *values in rows}
    return {case_id: found.get(case_id, Count()) for case_id in case_ids}


def delete(store: Store, actor: Actor, case_id: int) -> None:
    """Delete a case with its fields and answers, and the files that no other case shows."""
    with store.write() as session:
        case = get(session, case_id)
        held = session.scalar(select(func.count()).where(Field.case_id == case_id))
        session.delete(case)
        audit.append(session, actor, "case.deleted", f"case:{case_id}", {"fields": held})
    remove_unused(store)


def remove_unused(store: Store) -> None:
    """Delete the files that no field shows any more. What a crash leaves, the next call takes."""
    with store.write() as session:
        shown = select(Field.id).where(Field.digest == File.digest).exists()
        unused = session.scalars(select(File).where(~shown)).all()
        for file in unused:
            session.delete(file)
            store.files.delete(file.digest)
            store.forget_views(file.digest)


def forget_stray(store: Store, digest: str) -> None:
    """Delete a file that was kept for a field that then came not to be, unless another shows it."""
    with store.write() as session:
        if session.get(File, digest) is None:
            store.files.delete(digest)


def forget_strays(store: Store) -> int:
    """Delete files that a crash left without a field; return how many."""
    with store.read() as session:
        known = set(session.scalars(select(File.digest)))
    strays = [digest for digest in store.files.all() - known if store.files.is_old(digest)]
    for digest in strays:
        forget_stray(store, digest)
    return len(strays)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)


def _checked(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise RefusedError(f"the name of a case has 1 to {MAX_NAME} printable characters")
    return name
