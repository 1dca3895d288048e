"""Serves single leukocytes over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from allclient.contract import Subtype
from allclient.store import Store, cases, cells, fields
from allclient.web import views
from allclient.web.api.cases import Limit, Offset
from allclient.web.api.models import CellOut, CorrectionIn, Id
from allclient.web.people import Anybody

router = APIRouter()

_PICTURE: dict[str, Any] = {"content": {"image/jpeg": {}}}
_KEPT_FOR: Final = "private, max-age=600"


@router.get("/fields/{field_id}/cells")
def field_cells(request: Request, person: Anybody, field_id: Id) -> list[CellOut]:
    """Return the leukocytes of a field; none also where they were not asked for."""
    store: Store = request.app.state.store
    with store.read() as session:
        person.sight(session).require(fields.get(session, field_id).case_id)
        return [CellOut.model_validate(cell) for cell in cells.of_field(session, field_id)]


@router.get("/cases/{case_id}/cells")
def case_cells(
    request: Request,
    person: Anybody,
    case_id: Id,
    subtype: Annotated[Subtype, Query()],
    limit: Limit = 100,
    offset: Offset = 0,
) -> list[CellOut]:
    """Return the leukocytes of a case that are shown as ``subtype``, the likeliest first."""
    store: Store = request.app.state.store
    with store.read() as session:
        cases.get(session, case_id)
        person.sight(session).require(case_id)
        found = cells.by_subtype(session, case_id, subtype, limit=limit, offset=offset)
        return [CellOut.model_validate(cell) for cell in found]


@router.post("/cells/{cell_id}/corrections", status_code=201)
def correct_cell(request: Request, person: Anybody, cell_id: Id, said: CorrectionIn) -> CellOut:
    """Say what a cell is. 409 where somebody else did since ``seen``."""
    store: Store = request.app.state.store
    with store.write() as session:
        cell = cells.correct(session, person.actor, cell_id, seen=said.seen, subtype=said.subtype)
        return CellOut.model_validate(cell)


@router.get("/cells/{cell_id}/picture", response_class=Response, responses={200: _PICTURE})
def cell_picture(request: Request, person: Anybody, cell_id: Id) -> Response:
    """Return a small square JPEG around a cell."""
    store: Store = request.app.state.store
    with store.read() as session:
        cell = cells.get(session, cell_id)
        beside = cells.of_field(session, cell.field_id)
    shown = views.cell_picture(store, cell.field.digest, beside, cell.number)
    return Response(shown, media_type="image/jpeg", headers={"cache-control": _KEPT_FOR})
