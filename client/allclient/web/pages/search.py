"""Search over all cases, and the worklist."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from allclient.contract import SUBTYPES, Label, ReviewReason
from allclient.store import Store, late, search
from allclient.store.words import FieldState, Verdict
from allclient.web.api.search import Filter
from allclient.web.pages.layout import paged, render
from allclient.web.people import Anybody

router = APIRouter()

_SHOWN: Final = 60
_LATE: Final = 20
_PAGES: Final = 50
"""Who has to go further narrows the search."""


class Asked(Filter):
    """A search, and the page of its results."""

    page: Annotated[int, Field(ge=0, le=10**4)] = 0


@router.get("/search")
def search_page(request: Request, person: Anybody, asked: Annotated[Asked, Query()]) -> Response:
    """Show the fields that fit a search."""
    store: Store = request.app.state.store
    query = asked.query()
    with store.read() as session:
        sight = person.sight(session)
        count = search.count(session, query, sight)
        asked.page, pages = paged(min(count, _SHOWN * _PAGES), _SHOWN, asked.page)
        found = search.find(session, query, sight, limit=_SHOWN, offset=asked.page * _SHOWN)
        said = sight.said(session, found)
        is_worklist = asked.open and asked.review
        answered_late = late.cases(session, limit=_LATE) if is_worklist else ()
    values = asked.model_dump(mode="json", exclude={"page"}, exclude_defaults=True)
    return render(
        request,
        "search.html",
        person,
        asked=asked,
        fields=found,
        said=said,
        is_worklist=is_worklist,
        answered_late=answered_late,
        left_out=len(sight.blind),
        count=count,
        pages=pages,
        again=urlencode(values),
        labels=list(Label),
        subtypes=SUBTYPES,
        reasons=list(ReviewReason),
        verdicts=list(Verdict),
        states=list(FieldState),
    )
