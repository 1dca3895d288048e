"""Defines the HTTP interface, which the page's own scripts use as well."""

from typing import Final

from fastapi import APIRouter

from allclient.web.api import archives, cases, cells, events, fields, search, signatures, similar
from allclient.web.api.models import ErrorOut

_PROBLEMS: Final = {
    400: "The request cannot be read.",
    401: "Nobody is logged in, or the token is not good.",
    403: "Not allowed to this person, or sent by a page elsewhere.",
    404: "It is not there, or not any more.",
    409: "Somebody else changed it in the meantime.",
    413: "More than is taken.",
    422: "It cannot be done as asked, and why.",
    503: "The database does not answer; what was sent may not be stored.",
}

router = APIRouter(
    responses={
        status: {"model": ErrorOut, "description": text} for status, text in _PROBLEMS.items()
    }
)
router.include_router(cases.router, tags=["cases"])
router.include_router(fields.router, tags=["fields"])
router.include_router(archives.router, tags=["fields"])
router.include_router(cells.router, tags=["cells"])
router.include_router(search.router, tags=["search"])
router.include_router(similar.router, tags=["search"])
router.include_router(signatures.router, tags=["cases"])
router.include_router(events.router, tags=["cases"])
