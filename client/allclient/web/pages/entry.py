"""Logs people in and out, and takes the one-time link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from allclient.errors import RefusedError
from allclient.store import Store, tokens, users
from allclient.store.words import Purpose
from allclient.web import people
from allclient.web.pages.layout import render
from allclient.web.people import COOKIE, SESSION_LASTS, Anybody, Login
from allclient.web.settings import Settings

router = APIRouter()

Text = Annotated[str, Form(max_length=1000)]


@router.get("/login")
def login_page(request: Request) -> Response:
    """Show the form to log in."""
    return login_form(request)


@router.post("/login")
def log_in(request: Request, name: Text = "", password: Text = "") -> Response:
    """Log a person in."""
    store: Store = request.app.state.store
    login: Login = request.app.state.login
    address = request.client.host if request.client else ""
    try:
        token = login.log_in(store, name, password, address)
    except RefusedError as error:
        return login_form(request, status=401, problem=str(error), name=name)
    return entered(request, token)


@router.post("/logout")
def log_out(request: Request, person: Anybody) -> Response:
    """Log a person out."""
    store: Store = request.app.state.store
    with store.write() as session:
        tokens.revoke(session, Purpose.SESSION, request.cookies.get(COOKIE, ""))
    answer = RedirectResponse(f"{_base(request)}/login", 303)
    answer.delete_cookie(COOKIE, path=_base(request) or "/")
    answer.headers["clear-site-data"] = '"cache"'
    return answer


@router.get("/welcome/{token}")
def welcome_page(request: Request, token: str) -> Response:
    """Show the form that a one-time link leads to."""
    store: Store = request.app.state.store
    with store.read() as session:
        good = tokens.find(session, Purpose.INVITATION, token) is not None
    problem = "" if good else "This link was used or is too old; ask an admin for a new one."
    return _welcome(request, token, status=200 if good else 404, problem=problem, usable=good)


@router.post("/welcome/{token}")
def welcome(
    request: Request, token: str, name: Text = "", password: Text = "", again: Text = ""
) -> Response:
    """Take a new person's name and password."""
    store: Store = request.app.state.store
    try:
        with store.read() as session:
            if tokens.find(session, Purpose.INVITATION, token) is None:
                raise RefusedError("this link was used or is too old; ask an admin for a new one")
        if password != again:
            raise RefusedError("the two passwords are not the same")
        hashed = people.hash_password(password)
        with store.write() as session:
            user = users.accept(session, token, name, hashed)
    except RefusedError as error:
        return _welcome(request, token, status=422, problem=str(error), name=name)
    return entered(request, people.open_session(store, user))


def entered(request: Request, token: str, page: str = "/") -> Response:
    """Return what leads the owner of a new session to a page, with the session's cookie."""
    settings: Settings = request.app.state.settings
    answer = RedirectResponse(f"{_base(request)}{page}", 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_LASTS.total_seconds()),
        path=_base(request) or "/",
        secure=settings.secure_cookies or request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


def login_form(
    request: Request, *, status: int = 200, problem: str = "", name: str = ""
) -> Response:
    """Return the form to log in, with what went wrong."""
    store: Store = request.app.state.store
    with store.read() as session:
        empty = users.is_empty(session)
    return render(
        request, "login.html", None, status=status, problem=problem, name=name, empty=empty
    )


def _welcome(
    request: Request,
    token: str,
    *,
    status: int,
    problem: str = "",
    name: str = "",
    usable: bool = True,
) -> Response:
    return render(
        request,
        "welcome.html",
        None,
        status=status,
        token=token,
        problem=problem,
        name=name,
        usable=usable,
        shortest=users.MIN_PASSWORD,
    )


def _base(request: Request) -> str:
    settings: Settings = request.app.state.settings
    return settings.root_path
