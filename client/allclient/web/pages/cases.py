"""The list of cases, one case, and the panel of one field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from allclient.contract import BACKBONES, SUBTYPES
from allclient.store import Store, cases, cells, fields
from allclient.store.schema import Field
from allclient.store.summary import summarize
from allclient.web.api.models import Id
from allclient.web.pages.layout import render
from allclient.web.people import Anybody

router = APIRouter()

_CASES: Final = 50
_FIELDS: Final = 200


@router.get("/")
def list_cases(
    request: Request,
    person: Anybody,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    store: Store = request.app.state.store
    with store.read() as session:
        found = cases.newest(session, limit=_CASES + 1, before=before)
        counts = cases.counts(session, [case.id for case in found])
    shown, more = found[:_CASES], len(found) > _CASES
    return render(request, "cases.html", person, cases=shown, counts=counts, more=more)


@router.post("/cases")
def make_case(
    request: Request, person: Anybody, name: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    store: Store = request.app.state.store
    with store.write() as session:
        case = cases.make(session, person.actor, name)
    return RedirectResponse(f"{request.app.state.settings.root_path}/cases/{case.id}", 303)


@router.get("/cases/{case_id}")
def show_case(
    request: Request,
    person: Anybody,
    case_id: Id,
    field: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    page: Annotated[int, Query(ge=0, le=10**4)] = 0,
) -> Response:
    store: Store = request.app.state.store
    with store.read() as session:
        case = cases.get(session, case_id)
        count = cases.counts(session, [case_id])[case_id]
        found = fields.by_need(session, case_id, limit=_FIELDS, offset=page * _FIELDS)
        chosen = _chosen(field, found)
        shown = fields.get(session, chosen) if chosen else None
        boxes = cells.of_field(session, chosen) if chosen else ()
        summary = summarize(session, case_id)
    return render(
        request,
        "case.html",
        person,
        case=case,
        count=count,
        fields=found,
        field=shown,
        cells=boxes,
        summary=summary,
        page=page,
        pages=-(-count.fields // _FIELDS),
        subtypes=SUBTYPES,
        backbones=BACKBONES,
    )


def _chosen(asked: int | None, found: Sequence[Field]) -> int | None:
    """The field that is shown at first: the one asked for, else the most urgent one."""
    ids = [one.id for one in found]
    return asked if asked in ids else next(iter(ids), None)


@router.get("/fields/{field_id}/panel")
def field_panel(request: Request, person: Anybody, field_id: Id) -> Response:
    """What stands beside the picture of a field, as a piece of a page."""
    store: Store = request.app.state.store
    with store.read() as session:
        field = fields.get(session, field_id)
        boxes = cells.of_field(session, field_id)
    return render(
        request,
        "panel.html",
        person,
        field=field,
        cells=boxes,
        subtypes=SUBTYPES,
        backbones=BACKBONES,
    )
