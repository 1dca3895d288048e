"""Serves the pages themselves, as HTML."""

from fastapi import APIRouter

from allclient.web.pages import account, cases, cells, drift, entry, operator, people, search

router = APIRouter()
for part in (entry, cases, cells, account, people, search, operator, drift):
    router.include_router(part.router)
