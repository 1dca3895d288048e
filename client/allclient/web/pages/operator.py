"""For whoever runs the page: whether it works, and its numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from allclient.store import Store
from allclient.web.metrics import Metrics
from allclient.web.people import Anybody
from allclient.web.worker import Worker

router = APIRouter()


@router.get("/health/live")
def live() -> Response:
    """The program answers."""
    return JSONResponse({"live": True})


@router.get("/health/ready")
def ready(request: Request) -> Response:
    """The store answers; whether the backbones do is told, and is no reason to be away."""
    store: Store = request.app.state.store
    worker: Worker = request.app.state.worker
    try:
        with store.read() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return JSONResponse({"ready": False}, 503)
    return JSONResponse({"ready": True, "networks": worker.ready})


@router.get("/metrics")
def metrics(request: Request, person: Anybody) -> Response:
    """Prometheus metrics, for who is logged in and for programs with a token."""
    numbers: Metrics = request.app.state.metrics
    return Response(numbers.text(), media_type=CONTENT_TYPE_LATEST)
