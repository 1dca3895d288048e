"""Puts the application together: routers, the guard before them, and what errors look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from allclient.errors import AllclientError, ConflictError, NotFoundError, RefusedError
from allclient.store import Store
from allclient.store.changes import Change, ChangedError
from allclient.store.sight import BlindError
from allclient.store.similar import Similar
from allclient.web import api, outage, pages
from allclient.web.api.models import ChangeOut, ErrorOut, ErrorText
from allclient.web.guard import Guard
from allclient.web.hub import Hub
from allclient.web.metrics import Meter, Metrics
from allclient.web.oidc import Oidc
from allclient.web.pages.layout import render
from allclient.web.people import ForbiddenError, Login, LoginNeededError, TooManyTriesError
from allclient.web.settings import ASSETS, Settings
from allclient.web.verified import Pacs
from allclient.web.worker import Worker

API: Final = "/api/v1"


class Vendor(StaticFiles):
    """Serves the scripts of others, which may be installed while the page runs, or never."""

    async def check_config(self) -> None:
        """Accept a folder that is not there; every file in it is a plain 404 then."""


def make_app(
    store: Store, worker: Worker, hub: Hub, settings: Settings, pacs: Pacs | None = None
) -> FastAPI:
    """Make the page and its HTTP interface over one store."""
    app = FastAPI(
        title="allclient",
        version="1",
        summary="Cases, fields and their verification",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # their scripts come from elsewhere
        redoc_url=None,
    )
    app.state.store, app.state.worker, app.state.hub = store, worker, hub
    app.state.settings, app.state.login = settings, Login()
    app.state.pacs, app.state.similar = pacs, Similar()
    app.state.metrics = Metrics(store, worker, settings.reference)
    app.include_router(api.router, prefix=API)
    app.include_router(pages.router, include_in_schema=False)
    app.mount("/assets", StaticFiles(directory=ASSETS))
    app.mount("/vendor", Vendor(directory=settings.vendor, check_dir=False))
    app.state.oidc = Oidc(app, settings.oidc, settings.secure_cookies) if settings.oidc else None
    app.add_middleware(Guard, hosts=settings.hosts, secure=settings.secure_cookies)
    app.add_middleware(Meter, metrics=app.state.metrics)
    app.add_exception_handler(AllclientError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(LoginNeededError, _login)
    app.add_exception_handler(TooManyTriesError, _too_many)
    for kind in outage.ERRORS:
        app.add_exception_handler(kind, _away)
    app.add_exception_handler(OSError, _no_disk)
    app.add_exception_handler(Exception, _failed)
    return app


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, AllclientError)
    status = 500
    if isinstance(error, RefusedError):
        status = 403 if isinstance(error, ForbiddenError | BlindError) else 422
    elif isinstance(error, NotFoundError):
        status = 404
    elif isinstance(error, ConflictError):
        status = 409
    changes = error.changes if isinstance(error, ChangedError) else ()
    return _answer(request, status, error.code, str(error), changes)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = "there is no such page" if error.status_code == 404 else str(error.detail)
    return _answer(request, error.status_code, "http", text)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [
        f"{'.'.join(str(part) for part in one['loc'][1:]) or 'the request'}: {one['msg']}"
        for one in error.errors()
    ]
    return _answer(request, 422, "invalid", "; ".join(problems))


def _login(request: Request, _: Exception) -> Response:
    if _is_page(request):
        if request.method == "GET":
            return RedirectResponse(f"{request.scope.get('root_path', '')}/login", 303)
        return _answer(request, 401, "login", "you are not logged in any more; log in and repeat")
    return _answer(request, 401, "login", "log in, or send a personal token as a bearer token")


def _too_many(request: Request, _: Exception) -> Response:
    return _answer(request, 429, "tries", "too many tries; wait 15 minutes")


def _away(request: Request, error: Exception) -> Response:
    outage.record(error)
    return _answer(request, outage.STATUS, outage.CODE, outage.MESSAGE)


def _no_disk(request: Request, error: Exception) -> Response:
    outage.record(error)
    return _answer(request, outage.STATUS, outage.DISK_CODE, outage.DISK_MESSAGE)


def _failed(request: Request, error: Exception) -> Response:
    return _answer(request, 500, "error", "something failed here; the log of the program says what")


def _is_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _answer(
    request: Request, status: int, code: str, message: str, changes: Iterable[Change] = ()
) -> Response:
    if _is_page(request):
        return render(request, "error.html", None, status=status, message=message)
    told = [ChangeOut.model_validate(change) for change in changes]
    error = ErrorText(code=code, message=message, changes=told)
    return JSONResponse(ErrorOut(error=error).model_dump(exclude_defaults=True), status)
