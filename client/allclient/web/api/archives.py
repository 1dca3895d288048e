"""ZIP archives of images over HTTP."""

from __future__ import annotations

import tempfile
import zipfile
from typing import IO, Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from allclient.errors import RefusedError
from allclient.store import Store, archives, cases, fields
from allclient.web.api.fields import accepted
from allclient.web.api.models import ErrorText, FieldOut, Id
from allclient.web.people import Anybody, Visitor
from allclient.web.settings import Settings
from allclient.web.worker import Worker

router = APIRouter()

_UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class MemberOut(BaseModel):
    """What became of one file of an archive: either ``field`` or ``error``."""

    name: str
    field: FieldOut | None = None
    error: ErrorText | None = None


@router.post("/cases/{case_id}/archives", openapi_extra=_UPLOAD)
async def upload_archive(request: Request, person: Anybody, case_id: Id) -> list[MemberOut]:
    """Add the images of a ZIP archive, the body of the request, to a case.

    Folders in it do not matter. Each file is accepted or refused alone, with its reason.
    """
    store: Store = request.app.state.store
    settings: Settings = request.app.state.settings
    worker: Worker = request.app.state.worker
    if request.headers.get("content-type") != "application/octet-stream":
        raise RefusedError("an archive is sent as application/octet-stream")

    def check() -> None:
        with store.read() as session:
            cases.get_open(session, case_id)

    await run_in_threadpool(check)
    with tempfile.TemporaryFile(dir=store.folder / "incoming") as file:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > settings.max_archive:
                raise RefusedError(f"the archive is larger than {settings.max_archive / 1e9:g} GB")
            await run_in_threadpool(file.write, chunk)
        found = await run_in_threadpool(archives.members, file)
        taken = []
        for member in found:
            taken.append(
                await run_in_threadpool(
                    _take, store, person, case_id, file, member, settings.max_upload
                )
            )
            worker.wake()
    return taken


def _take(
    store: Store,
    person: Visitor,
    case_id: int,
    file: IO[bytes],
    member: zipfile.ZipInfo,
    max_bytes: int,
) -> MemberOut:
    name = fields.shown_name(member.filename)
    try:
        with store.files.receive(max_bytes) as incoming:
            for chunk in archives.chunks(file, member):
                incoming.write(chunk)
            incoming.finish()
            field = accepted(store, person, case_id, member.filename, incoming)
    except RefusedError as error:
        return MemberOut(name=name, error=ErrorText(code=error.code, message=str(error)))
    return MemberOut(name=name, field=field)
