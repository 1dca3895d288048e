"""Sums up a case of the store by the same rule as ``allclient classify --cases``."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from allclient.cases import Case, CaseBy, Cases
from allclient.report.rows import Row
from allclient.store.schema import Answer, Field
from allclient.store.words import FieldState


def summarize(session: Session, case_id: int) -> Case | None:
    """Return what the backbones say of a case; None before a field was read or failed."""
    rows = session.execute(
        select(
            Field.name,
            Field.error_code,
            Answer.label,
            Answer.subtype,
            Answer.probability,
            Answer.review,
            Answer.ood_score,
            Answer.leukocytes,
            Answer.malignant_leukocytes,
        )
        .outerjoin(Answer, Answer.field_id == Field.id)
        .where(Field.case_id == case_id, Field.state != FieldState.WAITING.value)
        .order_by(Field.id)
    )
    cases = Cases(CaseBy("all"))
    for row in rows:
        failed = row.label is None
        cases.add(
            Row(
                file=row.name,
                label=row.label,
                subtype=row.subtype,
                probability=row.probability,
                probabilities=None,
                votes=None,
                review=row.review,
                ood_score=row.ood_score,
                error=(row.error_code or "", "") if failed else None,
                leukocytes=row.leukocytes,
                malignant_leukocytes=row.malignant_leukocytes,
            )
        )
    return next(iter(cases.cases()), None)
