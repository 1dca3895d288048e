"""Shows the list of cases, one case, and the panel of one field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from allclient.contract import BACKBONES, SUBTYPES
from allclient.store import (
    Store,
    agreement,
    audit,
    blind,
    cases,
    cells,
    fields,
    late,
    signatures,
)
from allclient.store.schema import Field
from allclient.store.sight import Sight
from allclient.store.summary import summarize
from allclient.store.words import Conclusion
from allclient.web import demo
from allclient.web.api.models import Id
from allclient.web.pages.layout import paged, render
from allclient.web.people import Anybody

router = APIRouter()

_CASES: Final = 50
_FIELDS: Final = 200
_LOOK_FIRST: Final = 5


@router.get("/")
def list_cases(
    request: Request,
    person: Anybody,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Show the newest cases."""
    store: Store = request.app.state.store
    with store.read() as session:
        found = cases.newest(session, limit=_CASES + 1, before=before)
        counts = cases.counts(session, [case.id for case in found], person.sight(session))
    shown, more = found[:_CASES], len(found) > _CASES
    return render(request, "cases.html", person, cases=shown, counts=counts, more=more)


@router.post("/cases")
def make_case(
    request: Request, person: Anybody, name: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    """Make a case, and show it."""
    store: Store = request.app.state.store
    with store.write() as session:
        case = cases.make(session, person.actor, name)
    return RedirectResponse(f"{request.app.state.settings.root_path}/cases/{case.id}", 303)


@router.post("/demo")
def make_demo(request: Request, person: Anybody) -> Response:
    """Make a case of drawn fields, and show it."""
    state = request.app.state
    case_id = demo.make_case(state.store, person.actor)
    state.worker.wake()
    return RedirectResponse(f"{state.settings.root_path}/cases/{case_id}", 303)


@router.post("/cases/{case_id}/blind")
def read_blind(
    request: Request, person: Anybody, case_id: Id, on: Annotated[bool, Form()]
) -> Response:
    """Begin or end a blind reading of the case, and show it."""
    state = request.app.state
    with state.store.write() as session:
        if on:
            blind.begin(session, person.actor, case_id)
        else:
            blind.end(session, person.actor, case_id)
    return RedirectResponse(f"{state.settings.root_path}/cases/{case_id}", 303)


@router.get("/cases/{case_id}")
def show_case(
    request: Request,
    person: Anybody,
    case_id: Id,
    field: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    page: Annotated[int, Query(ge=0, le=10**4)] = 0,
) -> Response:
    """Show the case: its fields by need, one of them, and what holds of all."""
    store: Store = request.app.state.store
    with store.read() as session:
        case = cases.get(session, case_id)
        version = audit.head(session).number  # before what it must not be newer than
        sight = person.sight(session)
        count = cases.counts(session, [case_id], sight)[case_id]
        page, pages = paged(count.fields, _FIELDS, page)
        found = fields.by_need(session, case_id, limit=_FIELDS, offset=page * _FIELDS, sight=sight)
        said = sight.said(session, found)
        chosen = _chosen(field, found)
        shown = fields.get(session, chosen) if chosen else None
        boxes = cells.of_field(session, chosen) if chosen else ()
        summary = summarize(session, case_id)
        first = _look_first(session, case_id, sight)
        signed = () if sight.is_blind(case_id) else signatures.of_case(session, case_id)
        came_late = late.of_case(session, case_id) if case.signed else ()
    return render(
        request,
        "case.html",
        person,
        case=case,
        version=version,
        count=count,
        fields=found,
        said=said,
        sight=sight,
        blind=sight.is_blind(case_id),
        field=shown,
        cells=boxes,
        summary=summary,
        look_first=first,
        signatures=signed,
        late=[one for one in came_late if one.answer],
        conclusions=list(Conclusion),
        page=page,
        pages=pages,
        subtypes=SUBTYPES,
        backbones=BACKBONES,
    )


def _look_first(session: Session, case_id: int, sight: Sight) -> list[Field]:
    """Return the most urgent fields that have no verdict, or none that the person may see."""
    neediest = fields.by_need(session, case_id, limit=_LOOK_FIRST, sight=sight)
    said = sight.said(session, neediest)
    return [one for one in neediest if not said[one.id].verdict]


def _chosen(asked: int | None, found: Sequence[Field]) -> int | None:
    """Return the field that is shown at first: the one asked for, else the most urgent one."""
    ids = [one.id for one in found]
    return asked if asked in ids else next(iter(ids), None)


@router.get("/cases/{case_id}/first")
def look_first(request: Request, person: Anybody, case_id: Id) -> Response:
    """What to look at first in a case, as a piece of a page."""
    store: Store = request.app.state.store
    with store.read() as session:
        cases.get(session, case_id)
        first = _look_first(session, case_id, person.sight(session))
    return render(request, "first.html", person, look_first=first)


@router.get("/fields/{field_id}/panel")
def field_panel(request: Request, person: Anybody, field_id: Id) -> Response:
    """What stands beside the picture of a field, as a piece of a page."""
    store: Store = request.app.state.store
    with store.read() as session:
        field = fields.get(session, field_id)
        boxes = cells.of_field(session, field_id)
        sight = person.sight(session)
    return render(
        request,
        "panel.html",
        person,
        field=field,
        sight=sight,
        cells=boxes,
        subtypes=SUBTYPES,
        backbones=BACKBONES,
    )


@router.get("/agreement")
def show_agreement(request: Request, person: Anybody) -> Response:
    """Show how far readers agree."""
    store: Store = request.app.state.store
    with store.read() as session:
        found = agreement.agreements(session, person.sight(session))
    return render(request, "agreement.html", person, agreements=found)
