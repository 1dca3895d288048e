"""Tells what happens to a case while a page looks at it, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from allclient.store import Store, cases
from allclient.web.api.models import Id
from allclient.web.hub import CLOSED, Hub
from allclient.web.people import Anybody

router = APIRouter()

_ALIVE: Final = 15.0
"""Seconds after which a line without meaning keeps proxies from closing the stream."""


@router.get("/cases/{case_id}/events", response_class=StreamingResponse)
async def case_events(request: Request, person: Anybody, case_id: Id) -> StreamingResponse:
    """Return one event for each field that was read or failed, from now on.

    The data is JSON with ``field`` (its id), ``name``, ``state``, and the answer or the error.
    """
    store: Store = request.app.state.store

    def check() -> None:
        with store.read() as session:
            cases.get(session, case_id)

    await run_in_threadpool(check)
    return StreamingResponse(
        _events(request.app.state.hub, case_id),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )


async def _events(hub: Hub, case_id: int) -> AsyncIterator[str]:
    with hub.listening(case_id) as queue:
        yield "event: listening\ndata: {}\n\n"
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), _ALIVE)
            except TimeoutError:
                yield ": alive\n\n"
                continue
            if event is CLOSED:
                return
            yield f"event: {event['event']}\ndata: {json.dumps(event)}\n\n"
