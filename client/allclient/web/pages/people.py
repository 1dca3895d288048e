"""For admins: who may log in, and the audit log."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from allclient.store import Store, audit, users, verifications
from allclient.store.schema import Entry
from allclient.store.words import Role
from allclient.web.api.models import Id
from allclient.web.pages.layout import render
from allclient.web.people import Admin

router = APIRouter()

_ENTRIES: Final = 200


@router.get("/people")
def show_people(request: Request, person: Admin) -> Response:
    return _people(request, person, link="")


@router.post("/people/invite")
def invite(request: Request, person: Admin, role: Annotated[Role, Form()]) -> Response:
    store: Store = request.app.state.store
    with store.write() as session:
        token = users.invite(session, person.actor, role)
    return _people(request, person, link=f"{str(request.base_url).rstrip('/')}/welcome/{token}")


@router.post("/people/{user_id}/active")
def set_active(
    request: Request, person: Admin, user_id: Id, active: Annotated[bool, Form()]
) -> Response:
    store: Store = request.app.state.store
    with store.write() as session:
        users.set_active(session, person.actor, user_id, active)
    return RedirectResponse(f"{request.app.state.settings.root_path}/people", 303)


@router.get("/audit")
def show_audit(request: Request, person: Admin) -> Response:
    store: Store = request.app.state.store
    with store.read() as session:
        entries = session.scalars(select(Entry).order_by(Entry.number.desc()).limit(_ENTRIES)).all()
        head = audit.head(session)
        broken = audit.check(session) or verifications.check(session)
    return render(request, "audit.html", person, entries=entries, head=head, broken=broken)


def _people(request: Request, person: Admin, *, link: str) -> Response:
    store: Store = request.app.state.store
    with store.read() as session:
        everybody = users.everybody(session)
    return render(request, "people.html", person, people=everybody, link=link)
