"""Defines what the HTTP interface takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from allclient.contract import Backbone, Label, Subtype
from allclient.store import cases
from allclient.store.schema import Case
from allclient.store.schema import Field as FieldRow
from allclient.store.sight import Said
from allclient.store.words import FieldState, Verdict

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]


class ChangeOut(BaseModel):
    """The latest change of a field, or of one cell in it, that somebody had not seen."""

    model_config = ConfigDict(from_attributes=True)
    field_id: int
    field_name: str
    cell_id: int | None
    by: str
    action: str
    """The name that the audit log has for the change."""


class ErrorText(BaseModel):
    """Why a request was refused: a code for programs and a sentence for people."""

    code: str
    message: str
    changes: list[ChangeOut] = []
    """What the person who signs had not seen; empty for all other problems."""


class ErrorOut(BaseModel):
    """The answer to a request that was refused."""

    error: ErrorText


class CaseIn(BaseModel):
    """A case to make, or its new name."""

    name: Annotated[str, Field(min_length=1, max_length=cases.MAX_NAME)]


class CountOut(BaseModel):
    """How far the fields of a case have come."""

    model_config = ConfigDict(from_attributes=True)
    fields: int
    waiting: int
    answered: int
    failed: int
    malignant: int
    review: int
    verified: int
    late: int
    """Answers that came after the signature, and enter the case when it is opened again."""


class CaseOut(BaseModel):
    """A case."""

    id: int
    name: str
    created_at: datetime
    created_by: str
    signed: bool
    count: CountOut
    version: int | None
    """The last entry of the audit log when the case was asked for; goes with a signature as
    ``seen``. None in a list of cases: ask for the one case."""

    @classmethod
    def of(cls, case: Case, count: cases.Count, version: int | None = None) -> CaseOut:
        """Return a case of the store."""
        return cls(
            id=case.id,
            name=case.name,
            created_at=case.created_at,
            created_by=case.created_by,
            signed=case.signed,
            count=CountOut.model_validate(count),
            version=version,
        )


class AnswerOut(BaseModel):
    """The answer to a field."""

    model_config = ConfigDict(from_attributes=True)
    label: Label
    subtype: Subtype
    probability: float
    probabilities: dict[Subtype, float]
    backbone_probabilities: dict[Backbone, dict[Subtype, float]]
    votes: dict[Backbone, Subtype]
    review: list[str]
    ood_score: float
    leukocytes: int | None
    malignant_leukocytes: int | None
    heatmap: list[list[float]]
    model_version: str


class VerificationOut(BaseModel):
    """What one person said of a field."""

    model_config = ConfigDict(from_attributes=True)
    user_name: str
    verdict: Verdict
    subtype: Subtype | None
    comment: str
    blind: bool
    """Whether the person could not see what others had said."""
    created_at: datetime


class FieldOut(BaseModel):
    """A field."""

    id: int
    case_id: int
    name: str
    sha256: str
    state: FieldState
    error: dict[str, str] | None
    urgency: float
    version: int
    """Goes with a verification as ``seen``."""
    verdict: Verdict | None
    verified_subtype: Subtype | None
    answer: AnswerOut | None
    new: bool | None = None
    """Whether an upload is new: false where the case has this file already."""

    @classmethod
    def of(
        cls, field: FieldRow, said: Said, *, answer: bool = True, new: bool | None = None
    ) -> FieldOut:
        """Return a field of the store, with what the person who asks may see of its verdict."""
        error = None
        if field.state == FieldState.FAILED.value:
            error = {"code": field.error_code or "", "message": field.error_message or ""}
        kept = field.answer if answer else None
        return cls(
            id=field.id,
            case_id=field.case_id,
            name=field.name,
            sha256=field.digest,
            state=FieldState(field.state),
            error=error,
            urgency=field.urgency,
            version=field.version,
            verdict=Verdict(said.verdict) if said.verdict else None,
            verified_subtype=Subtype(said.subtype) if said.subtype else None,
            answer=AnswerOut.model_validate(kept) if kept else None,
            new=new,
        )


class FieldWithHistory(FieldOut):
    """A field, and everything that people said of it."""

    verifications: list[VerificationOut] = []
    late: AnswerOut | None = None
    """What the backbones answered after the signature of the case; not in the case yet."""


class VerificationIn(BaseModel):
    """What a person says of a field."""

    seen: int
    """The version of the field that the person saw."""
    verdict: Verdict
    subtype: Subtype | None = None
    comment: str = ""


class CellOut(BaseModel):
    """A leukocyte."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    field_id: int
    number: int
    x: float
    """The box, as shares of the width and the height of the upright picture; so are the next."""
    y: float
    width: float
    height: float
    subtype: Subtype
    """The backbones' word."""
    probability: float
    probabilities: dict[Subtype, float]
    shown_as: Subtype
    """The word that holds: the backbones' until a person corrects it."""
    corrected: bool
    version: int
    """Goes with a correction as ``seen``."""


class CorrectionIn(BaseModel):
    """What a person says of a leukocyte."""

    seen: int
    """The version of the cell that the person saw."""
    subtype: Subtype
