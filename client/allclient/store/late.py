"""Keeps what the backbones say of a field after its case was signed, outside of the case.

A signed case does not change. The page tells what came late; it enters the case when somebody
opens that again, and its fields then need a verdict once more.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session, joinedload

from allclient.errors import AllclientError
from allclient.result import Result
from allclient.store import answers, audit, urgency
from allclient.store.actor import SYSTEM
from allclient.store.schema import Answer, Case, Cell, Field, LateOutcome
from allclient.store.words import FieldState


def keep_answers(session: Session, answered: Sequence[tuple[Field, Result]]) -> None:
    """Keep the answers of fields of signed cases."""
    for field, result in answered:
        session.add(
            LateOutcome(
                field_id=field.id,
                answer=answers.columns(field, result),
                cells=[_as_json(row) for row in answers.cell_columns(field, result)],
            )
        )
    audit.extend(
        session,
        SYSTEM,
        "field.answered_late",
        [(f"field:{field.id}", answers.facts(result)) for field, result in answered],
    )


def keep_failure(session: Session, field: Field, error: AllclientError) -> None:
    """Keep why a field of a signed case could not be read."""
    outcome = LateOutcome(
        field_id=field.id, answer={}, cells=[], error_code=error.code, error_message=str(error)
    )
    session.add(outcome)
    audit.append(session, SYSTEM, "field.failed_late", f"field:{field.id}", {"code": error.code})


def of_case(session: Session, case_id: int) -> Sequence[LateOutcome]:
    """Return what came after the signature of a case, in the order of its fields."""
    return session.scalars(
        select(LateOutcome)
        .join(Field, Field.id == LateOutcome.field_id)
        .where(Field.case_id == case_id)
        .order_by(Field.id)
        .options(joinedload(LateOutcome.field))
    ).all()


def cases(session: Session, *, limit: int) -> Sequence[Case]:
    """Return the signed cases that got an answer after their signature, the newest first."""
    answered = select(Field.case_id).join(LateOutcome).where(LateOutcome.error_code.is_(None))
    query = select(Case).where(Case.id.in_(answered)).order_by(Case.id.desc()).limit(limit)
    return session.scalars(query).all()


def enter(session: Session, case_id: int) -> int:
    """Take what came late into a case that is opened again; return how many answers.

    A field with such an answer has no verdict any more that counts: whoever gave it had not seen
    the answer. What was said stays in the history of the field.
    """
    outcomes = of_case(session, case_id)
    answered = []
    for outcome in outcomes:
        field = outcome.field
        field.version += 1
        if outcome.answer:
            answer = Answer(**outcome.answer, created_at=outcome.created_at)
            result = answers.result_of(answer)
            session.add(answer)
            field.state = FieldState.ANSWERED.value
            field.urgency = urgency.urgency_of(result)
            field.error_code = field.error_message = None
            field.verdict, field.verified_subtype = "", None
            answered.append((f"field:{field.id}", answers.facts(result)))
            if outcome.cells:
                session.execute(insert(Cell), [_of_json(row) for row in outcome.cells])
        else:
            field.state = FieldState.FAILED.value
            field.urgency = urgency.FAILED
            field.error_code, field.error_message = outcome.error_code, outcome.error_message
        session.delete(outcome)
    audit.extend(session, SYSTEM, "field.answered", answered)
    session.flush()
    return len(answered)


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a cell with its features as text."""
    features = row["features"]
    return {**row, "features": features and base64.b64encode(features).decode("ascii")}


def _of_json(row: dict[str, Any]) -> dict[str, Any]:
    features = row["features"]
    return {**row, "features": features and base64.b64decode(features)}
