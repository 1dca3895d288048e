"""Logs people in by an OpenID Connect provider, if one is configured."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from allclient.errors import NotFoundError, RefusedError
from allclient.store import Store, users
from allclient.store.schema import User
from allclient.web import people
from allclient.web.oidc import Identity, Oidc
from allclient.web.pages.entry import entered, login_form

router = APIRouter(prefix="/oidc")


@router.get("/login")
async def leave(
    request: Request, invitation: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Lead the browser to the provider; ``invitation`` is that of a one-time link."""
    back = f"{str(request.base_url).rstrip('/')}/oidc/back"
    try:
        return await _oidc(request).leave(request, back, invitation)
    except RefusedError as error:
        return await run_in_threadpool(login_form, request, status=503, problem=str(error))


@router.get("/back")
async def arrive(request: Request) -> Response:
    """Take in who comes back from the provider."""
    store: Store = request.app.state.store
    try:
        identity, invitation = await _oidc(request).arrive(request)
        user = await run_in_threadpool(_known, store, identity, invitation)
    except RefusedError as error:
        return await run_in_threadpool(login_form, request, status=401, problem=str(error))
    return entered(request, await run_in_threadpool(people.open_session, store, user))


def _oidc(request: Request) -> Oidc:
    found: Oidc | None = request.app.state.oidc
    if found is None:
        raise NotFoundError("nobody logs in by OpenID Connect here")
    return found


def _known(store: Store, identity: Identity, invitation: str) -> User:
    with store.write() as session:
        user = users.by_subject(session, identity.subject)
        if user is None and invitation:
            return users.accept_subject(session, invitation, identity.name, identity.subject)
    if user is None:
        raise RefusedError("nobody here is known by this login; ask an admin for a one-time link")
    if not user.active:
        raise RefusedError("this person may not log in any more; ask an admin")
    return user
