"""The pages themselves, as HTML."""

from fastapi import APIRouter

from allclient.web.pages import cases, cells, entry, people

router = APIRouter()
for part in (entry, cases, cells, people):
    router.include_router(part.router)
