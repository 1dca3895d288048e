"""Shows operators how far answers have moved from the reference."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from allclient.contract import SUBTYPES
from allclient.drift.profile import CELL_SIZE, OOD_SCORE, REVIEW, SUBTYPE, Profile
from allclient.web.drift import DAYS, view
from allclient.web.pages.layout import render
from allclient.web.people import Admin
from allclient.web.reasons import in_words

router = APIRouter()

_NAMES: Final = {
    REVIEW: "Fields to review",
    SUBTYPE: "Mix of subtypes",
    OOD_SCORE: "Unlike the known images",
    CELL_SIZE: "Size of cells",
}
_Days = Annotated[int, Query(ge=1, le=366)]
_Site = Annotated[str | None, Query(max_length=64)]


@router.get("/drift")
def show_drift(request: Request, person: Admin, days: _Days = DAYS, site: _Site = None) -> Response:
    """Hold the answers of the last days against the reference; those of one site, or all."""
    state = request.app.state
    found = view(state.store, state.settings.reference, days, site)
    return render(
        request,
        "drift.html",
        person,
        found=found,
        days=days,
        site=site,
        names=_NAMES,
        bins={name: _bins(name, found.reference) for name in _NAMES},
    )


@router.get("/drift/profile.json")
def save_profile(request: Request, _: Admin, days: _Days = DAYS, site: _Site = None) -> Response:
    """Return the answers of the last days as a profile, to be a reference from now on."""
    state = request.app.state
    profile = view(state.store, state.settings.reference, days, site).whole
    profile.about = {"data": "answers of this page", "days": days, "fields": profile.answers}
    return Response(
        profile.dumps(),
        media_type="application/json",
        headers={"content-disposition": 'attachment; filename="reference.json"'},
    )


def _bins(name: str, profile: Profile) -> list[str]:
    """Return what each bin of a quantity is called."""
    if name == REVIEW:
        return ["no review", "review"]
    if name == SUBTYPE:
        return [in_words(subtype.value) for subtype in SUBTYPES]
    edges = [f"{edge:.3g}" for edge in profile.edges[name]]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *between, f"from {edges[-1]}"]
