"""Shows admins who may log in, and the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from allclient.store import Store, audit, integrity, users
from allclient.store.schema import Entry
from allclient.store.words import Role
from allclient.web.api.models import Id
from allclient.web.pages.layout import render
from allclient.web.people import Admin, ForbiddenError

router = APIRouter()

_ENTRIES: Final = 200


@router.get("/people")
def show_people(request: Request, person: Admin) -> Response:
    """Show who may log in."""
    return _people(request, person, link="")


@router.post("/people/invite")
def invite(request: Request, person: Admin, role: Annotated[Role, Form()]) -> Response:
    """Make a one-time link, and show it."""
    if person.by_token:
        raise ForbiddenError("only a person who is logged in may invite another")
    store: Store = request.app.state.store
    with store.write() as session:
        token = users.invite(session, person.actor, role)
    return _people(request, person, link=f"{str(request.base_url).rstrip('/')}/welcome/{token}")


@router.post("/people/{user_id}/active")
def set_active(
    request: Request, person: Admin, user_id: Id, active: Annotated[bool, Form()]
) -> Response:
    """Let a person in, or keep them out."""
    store: Store = request.app.state.store
    with store.write() as session:
        users.set_active(session, person.actor, user_id, active)
    return RedirectResponse(f"{request.app.state.settings.root_path}/people", 303)


@router.post("/people/{user_id}/unlink")
def unlink(request: Request, person: Admin, user_id: Id) -> Response:
    """Take a person's login by a provider away; they are logged out everywhere."""
    store: Store = request.app.state.store
    with store.write() as session:
        users.unlink(session, person.actor, user_id)
    return RedirectResponse(f"{request.app.state.settings.root_path}/people", 303)


@router.get("/audit")
def show_audit(request: Request, person: Admin, check: bool = False) -> Response:
    """The latest entries; ``check`` walks through all of them, which takes its time."""
    store: Store = request.app.state.store
    with store.read() as session:
        sight = person.sight(session)
        query = select(Entry).where(sight.entries()).order_by(Entry.number.desc())
        entries = session.scalars(query.limit(_ENTRIES)).all()
        head = audit.head(session)
        broken = (integrity.check(session)) if check else None
    values: dict[str, Any] = {
        "entries": entries,
        "left_out": bool(sight.blind),
        "head": head,
        "checked": check,
        "broken": broken,
    }
    return render(request, "audit.html", person, **values)


def _people(request: Request, person: Admin, *, link: str) -> Response:
    store: Store = request.app.state.store
    with store.read() as session:
        everybody = users.everybody(session)
    return render(request, "people.html", person, people=everybody, link=link)
