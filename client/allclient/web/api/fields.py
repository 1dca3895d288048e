"""Serves fields over HTTP: uploaded, looked at, verified."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from allclient.errors import RefusedError
from allclient.store import Store, fields, verifications
from allclient.store.files import Incoming
from allclient.store.schema import Field
from allclient.store.sight import Said
from allclient.web import views
from allclient.web.api.models import (
    AnswerOut,
    FieldOut,
    FieldWithHistory,
    Id,
    VerificationIn,
    VerificationOut,
)
from allclient.web.people import Anybody, Visitor
from allclient.web.settings import Settings
from allclient.web.worker import Worker

router = APIRouter()

_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_PICTURE: dict[str, Any] = {"content": {"image/jpeg": {}}}
_PIECE: Final = 1_000_000
"""Bytes of a file that are in memory before they are written."""

_KEPT_FOR = "private, max-age=600"


@router.post("/cases/{case_id}/fields", status_code=201, openapi_extra=_UPLOAD)
async def upload_field(
    request: Request,
    response: Response,
    person: Anybody,
    case_id: Id,
    name: Annotated[str, Query(max_length=1000)] = "",
) -> FieldOut:
    """Add one encoded image or DICOM object, the body of the request, to a case.

    When this has answered, the file is safe and waits for the backbones. The answer is 200 instead
    of 201, with ``new`` false, where the case has the same file already.
    """
    store: Store = request.app.state.store
    settings: Settings = request.app.state.settings
    worker: Worker = request.app.state.worker
    if request.headers.get("content-type") != "application/octet-stream":
        raise RefusedError("a file is sent as application/octet-stream")
    if int(request.headers.get("content-length") or 0) > settings.max_upload:
        raise RefusedError(f"the file is larger than {settings.max_upload / 1e6:.0f} MB")

    # Each call of a thread costs: a file of the usual size takes one.
    with store.files.receive(settings.max_upload) as incoming:
        piece = bytearray()
        async for chunk in request.stream():
            piece += chunk
            if len(piece) > _PIECE:
                await run_in_threadpool(incoming.write, bytes(piece))
                piece.clear()
        taken = await run_in_threadpool(_take, store, person, case_id, name, incoming, bytes(piece))
    worker.wake()
    response.status_code = 201 if taken.new else 200
    return taken


def _take(
    store: Store, person: Visitor, case_id: int, name: str, incoming: Incoming, rest: bytes
) -> FieldOut:
    """Take a file with the last piece of it into a case."""
    with contextlib.closing(incoming):
        incoming.write(rest)
        incoming.finish()
        return accepted(store, person, case_id, name, incoming)


def accepted(
    store: Store, person: Visitor, case_id: int, name: str, incoming: Incoming
) -> FieldOut:
    """Take a finished file into a case."""
    field, new = fields.accept(store, person.actor, case_id, name, incoming)
    said = Said()
    if not new:
        with store.read() as session:
            said = person.sight(session).said(session, [field])[field.id]
    return FieldOut.of(field, said, answer=False, new=new)


@router.get("/fields/{field_id}")
def get_field(request: Request, person: Anybody, field_id: Id) -> FieldWithHistory:
    """Return one field, its answer and what people said of it."""
    store: Store = request.app.state.store
    with store.read() as session:
        return _with_history(session, person, fields.get(session, field_id))


@router.post("/fields/{field_id}/verifications", status_code=201)
def verify_field(
    request: Request, person: Anybody, field_id: Id, said: VerificationIn
) -> FieldWithHistory:
    """Say what a field shows. 409 where somebody else changed it since ``seen``."""
    store: Store = request.app.state.store
    with store.write() as session:
        field = verifications.verify(
            session,
            person.actor,
            field_id,
            seen=said.seen,
            verdict=said.verdict,
            subtype=said.subtype,
            comment=said.comment,
        )
        return _with_history(session, person, field)


@router.post("/fields/{field_id}/retry")
def retry_field(request: Request, person: Anybody, field_id: Id) -> FieldOut:
    """Let a field that failed be read again."""
    store: Store = request.app.state.store
    worker: Worker = request.app.state.worker
    with store.write() as session:
        field = fields.try_again(session, person.actor, field_id)
        said = person.sight(session).said(session, [field])
    worker.wake()
    return FieldOut.of(field, said[field_id])


@router.get("/fields/{field_id}/picture", response_class=Response, responses={200: _PICTURE})
def field_picture(
    request: Request, person: Anybody, field_id: Id, thumbnail: bool = False
) -> Response:
    """Return the field as a JPEG without metadata, upright; small with ``thumbnail``."""
    store: Store = request.app.state.store
    with store.read() as session:
        digest = fields.get(session, field_id).digest
    shown = views.picture(store, digest, thumbnail=thumbnail)
    return Response(shown, media_type="image/jpeg", headers={"cache-control": _KEPT_FOR})


@router.get("/fields/{field_id}/file", response_class=Response)
def field_file(request: Request, person: Anybody, field_id: Id) -> Response:
    """Return the file as it was uploaded, as a download."""
    store: Store = request.app.state.store
    with store.read() as session:
        field = fields.get(session, field_id)
    ending = field.file.media_type.rpartition("/")[2]
    disposition = f'attachment; filename="field-{field.id}.{ending}"'
    return Response(
        store.files.read(field.digest),
        media_type=field.file.media_type,
        headers={"content-disposition": disposition},
    )


def _with_history(session: Session, person: Visitor, field: Field) -> FieldWithHistory:
    sight = person.sight(session)
    return FieldWithHistory(
        **dict(FieldOut.of(field, sight.said(session, [field])[field.id])),
        verifications=[VerificationOut.model_validate(v) for v in sight.history(field)],
        late=AnswerOut.model_validate(field.late.answer)
        if field.late and field.late.answer
        else None,
    )
