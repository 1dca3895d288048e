"""Logs people in by an OpenID Connect provider, if one is configured."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from allclient.errors import NotFoundError, RefusedError
from allclient.store import Store, users
from allclient.store.schema import User
from allclient.web import people
from allclient.web.oidc import Errand, Identity, Oidc
from allclient.web.pages.account import account_page
from allclient.web.pages.entry import Text, entered, login_form
from allclient.web.people import Login, Person

router = APIRouter(prefix="/oidc")

_CONFIRMED: Final = "confirmed"
"""Names who gave their password to join both logins, in the cookie of the way to the provider."""


@router.get("/login")
async def leave(
    request: Request,
    invitation: Annotated[str, Query(max_length=100)] = "",
    link: bool = False,
) -> Response:
    """Lead the browser to the provider.

    ``invitation`` is that of a one-time link. With ``link`` the login of the provider becomes that
    of whoever gave their password for it.
    """
    oidc = _oidc(request)
    user_id = int(request.session.get(_CONFIRMED, 0)) if link else 0
    back = f"{str(request.base_url).rstrip('/')}/oidc/back"
    try:
        return await oidc.leave(request, back, Errand(invitation, user_id))
    except RefusedError as error:
        return await run_in_threadpool(login_form, request, status=503, problem=str(error))


@router.post("/link")
async def confirm(request: Request, person: Person, password: Text = "") -> Response:
    """Take the password of somebody who wants to log in by the provider as well.

    The page's policy lets no form lead to another site, so its answer is a page with a link.
    """
    _oidc(request)
    login: Login = request.app.state.login
    address = request.client.host if request.client else ""
    try:
        await run_in_threadpool(login.confirm, person.user, password, address)
    except RefusedError as error:
        return await run_in_threadpool(
            account_page, request, person, status=422, problem=str(error)
        )
    request.session[_CONFIRMED] = person.user.id
    return await run_in_threadpool(account_page, request, person, confirmed=True)


@router.get("/back")
async def arrive(request: Request) -> Response:
    """Take in who comes back from the provider."""
    store: Store = request.app.state.store
    try:
        identity, errand = await _oidc(request).arrive(request)
        if errand.user_id:
            return await _linked(request, identity, errand.user_id)
        user = await run_in_threadpool(_known, store, identity, errand.invitation)
    except RefusedError as error:
        return await run_in_threadpool(login_form, request, status=401, problem=str(error))
    return entered(request, await run_in_threadpool(people.open_session, store, user))


async def _linked(request: Request, identity: Identity, user_id: int) -> Response:
    """Give the login of the provider to somebody, who has to be logged in still."""
    store: Store = request.app.state.store
    person = await people.visitor(request)

    def link() -> None:
        if person.user.id != user_id:
            raise RefusedError("another person is logged in here now; begin again")
        with store.write() as session:
            users.link(session, person.actor, user_id, identity.subject)

    try:
        await run_in_threadpool(link)
    except RefusedError as error:
        return await run_in_threadpool(
            account_page, request, person, status=422, problem=str(error)
        )
    return RedirectResponse(f"{request.app.state.settings.root_path}/account?linked=true", 303)


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
