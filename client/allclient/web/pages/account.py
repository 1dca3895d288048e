"""What a person looks after alone: the tokens of their programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from allclient.store import Store, tokens, users
from allclient.store.words import Purpose
from allclient.web.api.models import Id
from allclient.web.pages.layout import render
from allclient.web.people import Anybody, Person

router = APIRouter(prefix="/account")


@router.get("")
def show_account(request: Request, person: Anybody) -> Response:
    """Show a person's own page with their tokens."""
    return _account(request, person, token="")


@router.post("/tokens")
def make_token(
    request: Request, person: Person, name: Annotated[str, Form(max_length=1000)] = ""
) -> Response:
    """Make a personal token, and show it once."""
    store: Store = request.app.state.store
    with store.write() as session:
        token = users.make_token(session, person.actor, person.user.id, name)
    return _account(request, person, token=token)


@router.post("/tokens/{secret_id}/withdraw")
def withdraw_token(request: Request, person: Person, secret_id: Id) -> Response:
    """Withdraw a personal token."""
    store: Store = request.app.state.store
    with store.write() as session:
        users.withdraw_token(session, person.actor, person.user.id, secret_id)
    return RedirectResponse(f"{request.app.state.settings.root_path}/account", 303)


def _account(request: Request, person: Anybody, *, token: str) -> Response:
    store: Store = request.app.state.store
    with store.read() as session:
        own = tokens.of_user(session, Purpose.API, person.user.id)
    url = str(request.base_url).rstrip("/")
    return render(request, "account.html", person, tokens=own, token=token, url=url)
