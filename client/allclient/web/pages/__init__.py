"""Serves the pages themselves, as HTML."""

from fastapi import APIRouter

from allclient.web.pages import (
    account,
    cases,
    cells,
    drift,
    entry,
    oidc,
    operator,
    people,
    search,
    similar,
)

router = APIRouter()
for part in (entry, cases, cells, account, people, search, similar, operator, drift, oidc):
    router.include_router(part.router)
