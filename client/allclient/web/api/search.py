"""Fields over all cases, and what was found as files for other programs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import IO, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, model_validator
from sqlalchemy.orm import Session
from starlette.responses import StreamingResponse

from allclient.contract import Label, ReviewReason, Subtype
from allclient.store import Store, audit, export, search
from allclient.store.files import Files
from allclient.store.schema import Field as FieldRow
from allclient.store.words import FieldState, Verdict
from allclient.web import geojson
from allclient.web.api.models import FieldOut
from allclient.web.people import Anybody, Visitor

router = APIRouter()

_CHUNK: Final = 1 << 20


class Filter(BaseModel):
    """What is looked for; an empty value asks for nothing, as an empty box of a form does."""

    text: Annotated[str, Field(max_length=200)] = ""
    case_id: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    label: Label | None = None
    subtype: Subtype | None = None
    reason: ReviewReason | None = None
    verdict: Verdict | None = None
    open: bool = False
    review: bool = False
    disputed: bool = False
    state: FieldState | None = None
    reader: Annotated[str, Field(max_length=200)] = ""
    since: date | None = None
    until: Annotated[date | None, Field(lt=date(9999, 1, 1))] = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value != ""}

    def query(self) -> search.Query:
        """Return the question for the store."""
        names = search.Query.__dataclass_fields__
        return search.Query(**{name: getattr(self, name) for name in names})


class PagedFilter(Filter):
    """A filter, and the part of the results to give."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100
    offset: Annotated[int, Field(ge=0, le=10**6)] = 0


@router.get("/fields")
def search_fields(
    request: Request, person: Anybody, asked: Annotated[PagedFilter, Query()]
) -> list[FieldOut]:
    """Fields over all cases: the most urgent first with ``open``, else the newest first."""
    store: Store = request.app.state.store
    with store.read() as session:
        sight = person.sight(session)
        found = search.find(session, asked.query(), sight, limit=asked.limit, offset=asked.offset)
        said = sight.said(session, found)
    return [FieldOut.of(field, said[field.id]) for field in found]


@router.get("/export.csv", response_class=StreamingResponse)
def export_csv(
    request: Request, person: Anybody, asked: Annotated[Filter, Query()]
) -> StreamingResponse:
    """What was found as CSV with a header."""
    return _streamed(request, person, asked, export.as_csv, "text/csv; charset=utf-8", "csv")


@router.get("/export.jsonl", response_class=StreamingResponse)
def export_jsonl(
    request: Request, person: Anybody, asked: Annotated[Filter, Query()]
) -> StreamingResponse:
    """What was found as JSON Lines."""
    return _streamed(request, person, asked, export.as_jsonl, "application/jsonl", "jsonl")


@router.get("/export.zip", response_class=StreamingResponse)
def export_dataset(
    request: Request, person: Anybody, asked: Annotated[Filter, Query()]
) -> StreamingResponse:
    """What was found and verified as a data set: class folders and ``patients.csv`` in a ZIP."""

    def write(session: Session, files: Files, target: IO[bytes]) -> int:
        found = search.every(session, asked.query(), person.sight(session))
        return export.write_dataset(found, files, target)

    return _packed(request, person, "zip", write)


@router.get("/export.geojson.zip", response_class=StreamingResponse)
def export_geojson(
    request: Request, person: Anybody, asked: Annotated[Filter, Query()]
) -> StreamingResponse:
    """The cells of what was found as GeoJSON for QuPath: a file for each field, in a ZIP."""

    def write(session: Session, files: Files, target: IO[bytes]) -> int:
        found = search.every(session, asked.query(), person.sight(session))
        return geojson.write(session, found, files, target)

    return _packed(request, person, "geojson.zip", write)


def _packed(
    request: Request,
    person: Visitor,
    ending: str,
    write: Callable[[Session, Files, IO[bytes]], int],
) -> StreamingResponse:
    store: Store = request.app.state.store
    target = tempfile.TemporaryFile()  # noqa: SIM115  closed when it is sent
    try:
        with store.read() as session:
            written = write(session, store.files, target)
    except BaseException:
        target.close()
        raise
    _log(store, person, ending, written)
    target.seek(0)
    return StreamingResponse(_chunks(target), headers=_named(ending), media_type="application/zip")


def _streamed(
    request: Request,
    person: Visitor,
    asked: Filter,
    written: Callable[[Iterable[FieldRow]], Iterator[str]],
    media_type: str,
    ending: str,
) -> StreamingResponse:
    store: Store = request.app.state.store
    with store.read() as session:
        count = search.count(session, asked.query(), person.sight(session))
    _log(store, person, ending, count)

    def lines() -> Iterator[str]:
        with store.read() as session:
            yield from written(search.every(session, asked.query(), person.sight(session)))

    return StreamingResponse(lines(), headers=_named(ending), media_type=media_type)


def _log(store: Store, person: Visitor, ending: str, count: int) -> None:
    """Who takes data out of the store stands in the log."""
    with store.write() as session:
        audit.append(session, person.actor, "fields.exported", ending, {"fields": count})


def _named(ending: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="allclient.{ending}"'}


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
