"""Counts the answers of the store by site, sender and day, for ``allclient.drift``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, case, cast, func, select
from sqlalchemy.orm import Session

from allclient.contract import SUBTYPES, Subtype
from allclient.drift import Profile
from allclient.drift.profile import CELL_SIZE, OOD_SCORE, REVIEW, SUBTYPE
from allclient.store.schema import Answer, Cell, Field


class Where(NamedTuple):
    """Whose answers of which day."""

    site: str
    """Who made the fields, as DICOM objects say it; empty where nobody said it."""
    source: str
    """The account, of a person or a program, that sent the fields."""
    day: str
    """Year, month and day of the answer, as the database's clock has it."""


def profiles(session: Session, reference: Profile, since: datetime) -> dict[Where, Profile]:
    """Return the answers since a moment, counted in the bins of ``reference``."""
    found: dict[Where, Profile] = {}

    def of(site: str | None, source: str, day: object) -> Profile:
        return found.setdefault(Where(site or "", source, str(day)), reference.like())

    place = Field.site, Field.created_by, func.date(Answer.created_at)
    to_review = cast(Answer.review, String) != "[]"
    score = _bin(Answer.ood_score, reference.edges[OOD_SCORE])
    rows: Sequence[Any] = session.execute(
        select(*place, Answer.subtype, to_review, score, func.count())
        .join(Field, Field.id == Answer.field_id)
        .where(Answer.created_at >= since)
        .group_by(*place, Answer.subtype, to_review, score)
    ).all()
    for *where, subtype, review, score_bin, number in rows:
        counts = of(*where).counts
        counts[REVIEW][bool(review)] += number
        counts[SUBTYPE][SUBTYPES.index(Subtype(subtype))] += number
        counts[OOD_SCORE][score_bin] += number
    # The bins are of the square root of a box's share of the field; databases need none of it.
    size = _bin(Cell.width * Cell.height, [edge * edge for edge in reference.edges[CELL_SIZE]])
    # First by field, since there are many cells and few bins: the rest is looked up once a field.
    of_fields = (
        select(Cell.field_id, size.label("bin"), func.count().label("number"))
        .join(Answer, Answer.field_id == Cell.field_id)
        .where(Answer.created_at >= since)
        .group_by(Cell.field_id, size)
        .subquery()
    )
    cells: Sequence[Any] = session.execute(
        select(*place, of_fields.c.bin, func.sum(of_fields.c.number))
        .join(Field, Field.id == of_fields.c.field_id)
        .join(Answer, Answer.field_id == of_fields.c.field_id)
        .group_by(*place, of_fields.c.bin)
    ).all()
    for *where, size_bin, number in cells:
        of(*where).counts[CELL_SIZE][size_bin] += int(number)
    return found


def together(profiles: Sequence[Profile], reference: Profile) -> Profile:
    """Return all profiles as one."""
    whole = reference.like()
    for profile in profiles:
        whole.join(profile)
    return whole


def _bin(value: Any, edges: Sequence[float]) -> ColumnElement[int]:
    return case(*((value < edge, number) for number, edge in enumerate(edges)), else_=len(edges))
