"""The pages themselves, as HTML."""

from fastapi import APIRouter

from allclient.web.pages import account, cases, cells, entry, people, search

router = APIRouter()
for part in (entry, cases, cells, account, people, search):
    router.include_router(part.router)
