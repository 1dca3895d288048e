"""Fields over all cases, by what the backbones and people say of them.

Cases that somebody reads blind are left out of what they find.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, cast, func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from allclient.contract import Label, ReviewReason, Subtype
from allclient.store import texts, urgency
from allclient.store.schema import Answer, Case, Field, Verification
from allclient.store.sight import Sight
from allclient.store.words import FieldState, Verdict

_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; everything that is not None or empty has to fit.

    ``label`` and ``subtype`` are a person's where a person has said one, else the backbones'.
    """

    text: str = ""
    """A part of the name of the case or of the file."""
    case_id: int | None = None
    label: Label | None = None
    subtype: Subtype | None = None
    reason: ReviewReason | None = None
    verdict: Verdict | None = None
    open: bool = False
    """Only fields that nobody verified."""
    review: bool = False
    """Only fields that a person has to look at, by the backbones."""
    disputed: bool = False
    """Only fields of which two people say different things."""
    state: FieldState | None = None
    reader: str = ""
    """The name of a person who verified the field."""
    since: date | None = None
    """The day of the upload, in UTC; so is the next, which is included."""
    until: date | None = None


def find(
    session: Session, query: Query, sight: Sight, *, limit: int, offset: int = 0
) -> Sequence[Field]:
    """The fields that fit: the most urgent first among the open ones, else the newest first."""
    order: tuple[Any, ...] = (Field.id.desc(),)
    if query.open:
        order = (Field.urgency.desc(), Field.id)
    statement = _fitting(select(Field), query, sight).order_by(*order).limit(limit).offset(offset)
    return session.scalars(
        statement.options(joinedload(Field.answer), joinedload(Field.case))
    ).all()


def count(session: Session, query: Query, sight: Sight) -> int:
    """Return how many fields fit."""
    return session.scalar(_fitting(select(func.count(Field.id)), query, sight)) or 0


def every(session: Session, query: Query, sight: Sight) -> Iterator[Field]:
    """All fields that fit, with everything said of them, in steady memory; by case and age."""
    last = 0
    while True:
        batch = session.scalars(
            _fitting(select(Field), query, sight)
            .where(Field.id > last)
            .order_by(Field.id)
            .limit(_BATCH)
            .options(
                joinedload(Field.answer),
                joinedload(Field.case),
                joinedload(Field.file),
                selectinload(Field.verifications),
            )
        ).all()
        if not batch:
            return
        yield from batch
        last = batch[-1].id
        session.expunge_all()


def _fitting(statement: Select[Any], query: Query, sight: Sight) -> Select[Any]:
    statement = statement.join(Case, Case.id == Field.case_id)
    statement = statement.outerjoin(Answer, Answer.field_id == Field.id)
    return statement.where(sight.seen(), *_conditions(query))


def _conditions(query: Query) -> Iterator[ColumnElement[bool]]:
    yield from _of_the_file(query)
    yield from _of_the_answer(query)
    yield from _of_the_readers(query)


def _of_the_file(query: Query) -> Iterator[ColumnElement[bool]]:
    if text := texts.clean(query.text):
        yield or_(
            Case.name.icontains(text, autoescape=True), Field.name.icontains(text, autoescape=True)
        )
    if query.case_id is not None:
        yield Field.case_id == query.case_id
    if query.state is not None:
        yield Field.state == query.state.value
    if query.since is not None:
        yield Field.created_at >= _start(query.since)
    if query.until is not None:
        yield Field.created_at < _start(query.until + timedelta(days=1))


def _of_the_answer(query: Query) -> Iterator[ColumnElement[bool]]:
    shown = func.coalesce(Field.verified_subtype, Answer.subtype)
    if query.label is Label.BENIGN:
        yield shown == Subtype.BENIGN.value
    elif query.label is Label.MALIGNANT:
        yield shown != Subtype.BENIGN.value
    if query.subtype is not None:
        yield shown == query.subtype.value
    if query.reason is not None:
        yield cast(Answer.review, String).contains(f'"{query.reason.value}"')
    if query.review:
        yield Field.urgency >= urgency.REVIEW


def _of_the_readers(query: Query) -> Iterator[ColumnElement[bool]]:
    if query.verdict is not None:
        yield Field.verdict == query.verdict.value
    if query.open:
        yield Field.verdict == ""
    if query.disputed:
        yield _disputed()
    if reader := texts.clean(query.reader):
        yield _said_by(reader)


def _said_by(name: str) -> ColumnElement[bool]:
    return (
        select(Verification.id)
        .where(Verification.field_id == Field.id)
        .where(func.lower(Verification.user_name) == name.lower())
        .exists()
    )


def _disputed() -> ColumnElement[bool]:
    words = func.coalesce(Verification.subtype, Verification.verdict)
    return (
        select(Verification.field_id)
        .where(Verification.field_id == Field.id)
        .having(func.count(func.distinct(words)) > 1)
        .group_by(Verification.field_id)
        .exists()
    )


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
