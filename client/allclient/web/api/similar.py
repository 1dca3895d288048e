"""Fields and cells that the backbones answer alike, over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from allclient.store import Store, cells, fields
from allclient.store.similar import Similar
from allclient.web.api.models import CellOut, FieldOut, Id
from allclient.web.people import Anybody

router = APIRouter()

MOST: Final = 100
Limit = Annotated[int, Query(ge=1, le=MOST)]


class LikeField(BaseModel):
    """A field, and how far it is from the one asked for."""

    distance: float
    field: FieldOut


class LikeCell(BaseModel):
    """A cell, and how far it is from the one asked for."""

    distance: float
    cell: CellOut


@router.get("/fields/{field_id}/similar")
def similar_fields(
    request: Request, person: Anybody, field_id: Id, limit: Limit = 20
) -> list[LikeField]:
    """Return the fields of all cases that the backbones answer most alike."""
    store: Store = request.app.state.store
    similar: Similar = request.app.state.similar
    with store.read() as session:
        fields.get(session, field_id)
        sight = person.sight(session)
        found = similar.fields(session, sight, field_id, limit)
        said = sight.said(session, [field for field, _ in found])
    return [
        LikeField(distance=distance, field=FieldOut.of(field, said[field.id]))
        for field, distance in found
    ]


@router.get("/cells/{cell_id}/similar")
def similar_cells(
    request: Request, person: Anybody, cell_id: Id, limit: Limit = 20
) -> list[LikeCell]:
    """Return the cells of all cases that the backbones answer most alike."""
    store: Store = request.app.state.store
    similar: Similar = request.app.state.similar
    with store.read() as session:
        cells.get(session, cell_id)
        found = similar.cells(session, person.sight(session), cell_id, limit)
        return [
            LikeCell(distance=distance, cell=CellOut.model_validate(cell))
            for cell, distance in found
        ]
