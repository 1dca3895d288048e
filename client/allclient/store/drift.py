"""Counts the answers of the store by who sent the fields and by day, for ``allclient.drift``."""

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

    source: str
    """The account, of a person or a program, that sent the fields."""
    day: str
    """Year, month and day of the answer, as the database's clock has it."""


def profiles(session: Session, reference: Profile, since: datetime) -> dict[Where, Profile]:
    """Return the answers since a moment, counted in the bins of ``reference``."""
    found: dict[Where, Profile] = {}

    def of(source: str, day: object) -> Profile:
        return found.setdefault(Where(source, str(day)), reference.like())

    place = Field.created_by, func.date(Answer.created_at)
    to_review = cast(Answer.review, String) != "[]"
    score = _bin(Answer.ood_score, reference.edges[OOD_SCORE])
    rows: Sequence[Any] = session.execute(
        select(*place, Answer.subtype, to_review, score, func.count())
        .join(Field, Field.id == Answer.field_id)
        .where(Answer.created_at >= since)
        .group_by(*place, Answer.subtype, to_review, score)
    ).all()
    for source, day, subtype, review, score_bin, number in rows:
        counts = of(source, day).counts
        counts[REVIEW][bool(review)] += number
        counts[SUBTYPE][SUBTYPES.index(Subtype(subtype))] += number
        counts[OOD_SCORE][score_bin] += number
    # The bins are of the square root of a box's share of the field; databases need none of it.
    size = _bin(Cell.width * Cell.height, [edge * edge for edge in reference.edges[CELL_SIZE]])
    cells: Sequence[Any] = session.execute(
        select(*place, size, func.count())
        .join(Field, Field.id == Answer.field_id)
        .join(Cell, Cell.field_id == Field.id)
        .where(Answer.created_at >= since)
        .group_by(*place, size)
    ).all()
    for source, day, size_bin, number in cells:
        of(source, day).counts[CELL_SIZE][size_bin] += number
    return found


def together(profiles: Sequence[Profile], reference: Profile) -> Profile:
    """Return all profiles as one."""
    whole = reference.like()
    for profile in profiles:
        whole.join(profile)
    return whole


def _bin(value: Any, edges: Sequence[float]) -> ColumnElement[int]:
    return case(*((value < edge, number) for number, edge in enumerate(edges)), else_=len(edges))
