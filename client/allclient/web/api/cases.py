"""Serves cases over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session

from allclient.store import Store, audit, blind, cases, fields
from allclient.store.schema import Case
from allclient.web.api.models import CaseIn, CaseOut, FieldOut, Id
from allclient.web.people import Admin, Anybody, Visitor

router = APIRouter(prefix="/cases")

Limit = Annotated[int, Query(ge=1, le=500)]
Before = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Offset = Annotated[int, Query(ge=0, le=10**6)]


@router.get("")
def list_cases(
    request: Request, person: Anybody, limit: Limit = 50, before: Before = None
) -> list[CaseOut]:
    """Return the newest cases first; ``before`` is the id of the last one seen."""
    store: Store = request.app.state.store
    with store.read() as session:
        found = cases.newest(session, limit=limit, before=before)
        counts = cases.counts(session, [case.id for case in found], person.sight(session))
    return [CaseOut.of(case, counts[case.id]) for case in found]


@router.post("", status_code=201)
def make_case(request: Request, person: Anybody, case: CaseIn) -> CaseOut:
    """Return a new case without fields."""
    store: Store = request.app.state.store
    with store.write() as session:
        return counted(session, person, cases.make(session, person.actor, case.name))


def counted(session: Session, person: Visitor, case: Case) -> CaseOut:
    """Return a case with how far its fields have come, as somebody may see it."""
    version = audit.head(session).number  # before what it must not be newer than
    count = cases.counts(session, [case.id], person.sight(session))[case.id]
    return CaseOut.of(case, count, version)


@router.get("/{case_id}")
def get_case(request: Request, person: Anybody, case_id: Id) -> CaseOut:
    """Return one case, and how far its fields have come."""
    store: Store = request.app.state.store
    with store.read() as session:
        return counted(session, person, cases.get(session, case_id))


@router.patch("/{case_id}")
def rename_case(request: Request, person: Anybody, case_id: Id, case: CaseIn) -> CaseOut:
    """Give a case another name."""
    store: Store = request.app.state.store
    with store.write() as session:
        renamed = cases.rename(session, person.actor, case_id, case.name)
        return counted(session, person, renamed)


@router.delete("/{case_id}", status_code=204)
def delete_case(request: Request, person: Admin, case_id: Id) -> None:
    """Delete a case with its fields, answers, verifications and files. For admins."""
    store: Store = request.app.state.store
    cases.delete(store, person.actor, case_id)


@router.get("/{case_id}/fields")
def list_fields(
    request: Request, person: Anybody, case_id: Id, limit: Limit = 100, offset: Offset = 0
) -> list[FieldOut]:
    """Return the fields of a case; those not verified come first, the most urgent before all."""
    store: Store = request.app.state.store
    with store.read() as session:
        cases.get(session, case_id)
        sight = person.sight(session)
        found = fields.by_need(session, case_id, limit=limit, offset=offset, sight=sight)
        said = sight.said(session, found)
    return [FieldOut.of(field, said[field.id]) for field in found]


@router.put("/{case_id}/blind", status_code=204)
def begin_blind_reading(request: Request, person: Anybody, case_id: Id) -> None:
    """Hide what others said of a case from who asks, at every address, until they end it."""
    store: Store = request.app.state.store
    with store.write() as session:
        blind.begin(session, person.actor, case_id)


@router.delete("/{case_id}/blind", status_code=204)
def end_blind_reading(request: Request, person: Anybody, case_id: Id) -> None:
    """Show what others said of a case again to who asks."""
    store: Store = request.app.state.store
    with store.write() as session:
        blind.end(session, person.actor, case_id)
