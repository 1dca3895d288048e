"""Shows what looks most like a field or a cell."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from allclient.web.api.models import Id
from allclient.web.api.similar import cells_like, fields_like
from allclient.web.pages.layout import render
from allclient.web.people import Anybody

router = APIRouter()

_SHOWN: Final = 48


@router.get("/fields/{field_id}/similar")
def similar_fields(request: Request, person: Anybody, field_id: Id) -> Response:
    """Show the fields most like a field."""
    field, found, said = fields_like(request, person, field_id, _SHOWN)
    return render(request, "similar.html", person, field=field, cell=None, found=found, said=said)


@router.get("/cells/{cell_id}/similar")
def similar_cells(request: Request, person: Anybody, cell_id: Id) -> Response:
    """Show the cells most like a cell."""
    cell, found, sight = cells_like(request, person, cell_id, _SHOWN)
    return render(
        request, "similar.html", person, field=cell.field, cell=cell, found=found, sight=sight
    )
