"""Fields and cells that look alike, over HTTP."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from allclient.store import Store, cells, fields
from allclient.store.schema import Cell, Field
from allclient.store.sight import Said, Sight
from allclient.store.similar import Similar
from allclient.web.api.models import CellOut, FieldOut, Id
from allclient.web.people import Anybody, Visitor

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
    """Return the fields of all cases that look most like a field, by their leukocytes."""
    _, found, said = fields_like(request, person, field_id, limit)
    return [
        LikeField(distance=distance, field=FieldOut.of(field, said[field.id]))
        for field, distance in found
    ]


@router.get("/cells/{cell_id}/similar")
def similar_cells(
    request: Request, person: Anybody, cell_id: Id, limit: Limit = 20
) -> list[LikeCell]:
    """Return the cells of all cases that look most like a cell."""
    _, found, _ = cells_like(request, person, cell_id, limit)
    return [
        LikeCell(distance=distance, cell=CellOut.model_validate(cell)) for cell, distance in found
    ]


def fields_like(
    request: Request, person: Visitor, field_id: int, limit: int
) -> tuple[Field, list[tuple[Field, float]], dict[int, Said]]:
    """Return a field, the fields most like it, and what the person may see of their verdicts."""
    store: Store = request.app.state.store
    similar: Similar = request.app.state.similar
    with store.read() as session:
        field = fields.get(session, field_id)
        sight = person.sight(session)
        found = similar.fields(session, sight, field_id, limit)
        return field, found, sight.said(session, [one for one, _ in found])


def cells_like(
    request: Request, person: Visitor, cell_id: int, limit: int
) -> tuple[Cell, list[tuple[Cell, float]], Sight]:
    """Return a cell, the cells most like it, and what the person may see of them."""
    store: Store = request.app.state.store
    similar: Similar = request.app.state.similar
    with store.read() as session:
        cell = cells.get(session, cell_id)
        sight = person.sight(session)
        return cell, similar.cells(session, sight, cell_id, limit), sight
