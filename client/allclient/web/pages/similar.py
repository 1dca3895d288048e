"""Shows what the backbones answer most alike."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from allclient.store import Store, cells, fields
from allclient.store.similar import Similar
from allclient.web.api.models import Id
from allclient.web.pages.layout import render
from allclient.web.people import Anybody

router = APIRouter()

_SHOWN: Final = 48


@router.get("/fields/{field_id}/similar")
def similar_fields(request: Request, person: Anybody, field_id: Id) -> Response:
    """Show the fields most like a field."""
    store: Store = request.app.state.store
    similar: Similar = request.app.state.similar
    with store.read() as session:
        field = fields.get(session, field_id)
        sight = person.sight(session)
        found = similar.fields(session, sight, field_id, _SHOWN)
        said = sight.said(session, [one for one, _ in found])
    return render(request, "similar.html", person, field=field, cell=None, found=found, said=said)


@router.get("/cells/{cell_id}/similar")
def similar_cells(request: Request, person: Anybody, cell_id: Id) -> Response:
    """Show the cells most like a cell."""
    store: Store = request.app.state.store
    similar: Similar = request.app.state.similar
    with store.read() as session:
        cell = cells.get(session, cell_id)
        sight = person.sight(session)
        found = similar.cells(session, sight, cell_id, _SHOWN)
    return render(
        request, "similar.html", person, field=cell.field, cell=cell, found=found, sight=sight
    )
