"""Shows the gallery: the cells of a case by class."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from allclient.contract import SUBTYPES, Subtype
from allclient.store import Store, cases, cells
from allclient.web.api.models import Id
from allclient.web.pages.layout import paged, render
from allclient.web.people import Anybody

router = APIRouter()

_CELLS: Final = 120


@router.get("/cases/{case_id}/cells")
def show_cells(
    request: Request,
    person: Anybody,
    case_id: Id,
    subtype: Annotated[Subtype | None, Query()] = None,
    page: Annotated[int, Query(ge=0, le=10**4)] = 0,
) -> Response:
    """Show the cells of a case by class."""
    store: Store = request.app.state.store
    with store.read() as session:
        case = cases.get(session, case_id)
        person.sight(session).require(case_id)
        counts = cells.counts(session, case_id)
        # Malignant cells first, as far as there are any.
        order = [*SUBTYPES[1:], SUBTYPES[0]]
        chosen = subtype or next((one for one in order if counts[one]), SUBTYPES[0])
        page, pages = paged(counts[chosen], _CELLS, page)
        found = cells.by_subtype(session, case_id, chosen, limit=_CELLS, offset=page * _CELLS)
    return render(
        request,
        "cells.html",
        person,
        case=case,
        cells=found,
        chosen=chosen,
        counts=counts,
        page=page,
        pages=pages,
        subtypes=SUBTYPES,
    )
