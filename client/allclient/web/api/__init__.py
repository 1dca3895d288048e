"""The HTTP interface, which the page's own scripts use as well."""

from fastapi import APIRouter

from allclient.web.api import cases, cells, events, fields

router = APIRouter()
router.include_router(cases.router, tags=["cases"])
router.include_router(fields.router, tags=["fields"])
router.include_router(cells.router, tags=["cells"])
router.include_router(events.router, tags=["cases"])
