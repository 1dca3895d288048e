"""The HTTP interface, which the page's own scripts use as well."""

from fastapi import APIRouter

from allclient.web.api import cases, cells, events, fields, search, signatures

router = APIRouter()
router.include_router(cases.router, tags=["cases"])
router.include_router(fields.router, tags=["fields"])
router.include_router(cells.router, tags=["cells"])
router.include_router(search.router, tags=["search"])
router.include_router(signatures.router, tags=["cases"])
router.include_router(events.router, tags=["cases"])
