"""What a person looks after alone: their password, and the tokens of their programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from allclient.errors import RefusedError
from allclient.store import Store, tokens, users
from allclient.store.words import Purpose
from allclient.web import people
from allclient.web.api.models import Id
from allclient.web.pages.entry import Text, entered
from allclient.web.pages.layout import render
from allclient.web.people import Anybody, Login, Person

router = APIRouter(prefix="/account")


@router.get("")
def show_account(
    request: Request,
    person: Anybody,
    changed: bool = False,
    linked: bool = False,
    unlinked: bool = False,
) -> Response:
    """Show a person's own page with their tokens."""
    return account_page(request, person, changed=changed, linked=linked, unlinked=unlinked)


@router.post("/password")
def change_password(
    request: Request, person: Person, old: Text = "", password: Text = "", again: Text = ""
) -> Response:
    """Change a person's own password, and log them out everywhere else."""
    store: Store = request.app.state.store
    login: Login = request.app.state.login
    try:
        if password != again:
            raise RefusedError("the two new passwords are not the same")
        login.confirm(person.user, old, request.client.host if request.client else "")
        hashed = people.hash_password(password)
        with store.write() as session:
            user = users.change_password(session, person.actor, person.user.id, hashed)
    except RefusedError as error:
        return account_page(request, person, status=422, problem=str(error))
    return entered(request, people.open_session(store, user), "/account?changed=true")


@router.post("/unlink")
def unlink(request: Request, person: Person, password: Text = "") -> Response:
    """Take a person's login by a provider away, and log them out everywhere else.

    The password shows that they can log in without it.
    """
    store: Store = request.app.state.store
    login: Login = request.app.state.login
    try:
        login.confirm(person.user, password, request.client.host if request.client else "")
        with store.write() as session:
            user = users.unlink(session, person.actor, person.user.id)
    except RefusedError as error:
        return account_page(request, person, status=422, problem=str(error))
    return entered(request, people.open_session(store, user), "/account?unlinked=true")


@router.post("/tokens")
def make_token(
    request: Request, person: Person, name: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    """Make a personal token, and show it once."""
    store: Store = request.app.state.store
    with store.write() as session:
        token = users.make_token(session, person.actor, person.user.id, name)
    return account_page(request, person, token=token)


@router.post("/tokens/{secret_id}/withdraw")
def withdraw_token(request: Request, person: Person, secret_id: Id) -> Response:
    """Withdraw a personal token."""
    store: Store = request.app.state.store
    with store.write() as session:
        users.withdraw_token(session, person.actor, person.user.id, secret_id)
    return RedirectResponse(f"{request.app.state.settings.root_path}/account", 303)


def account_page(
    request: Request,
    person: Anybody,
    *,
    status: int = 200,
    token: str = "",
    problem: str = "",
    changed: bool = False,
    linked: bool = False,
    unlinked: bool = False,
    confirmed: bool = False,
) -> Response:
    """Return a person's own page, with what went wrong or came of what they did."""
    store: Store = request.app.state.store
    with store.read() as session:
        own = tokens.of_user(session, Purpose.API, person.user.id)
    url = str(request.base_url).rstrip("/")
    return render(
        request,
        "account.html",
        person,
        status=status,
        tokens=own,
        token=token,
        url=url,
        problem=problem,
        changed=changed,
        linked=linked and person.user.subject is not None,
        unlinked=unlinked and person.user.subject is None,
        confirmed=confirmed,
        shortest=users.MIN_PASSWORD,
    )
