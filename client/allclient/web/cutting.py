"""Ends requests that are not finished when the program stops, with an answer and no traceback."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MESSAGE = (
    "the program stops, and this request was not finished; send it again when the program is back"
)


class Cutting:
    """Passes requests on; those that are cancelled once ``stopping`` is set get a last answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.stopping = False
        self.cut = 0
        """The number of requests that were cut off."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except asyncio.CancelledError:
            if not self.stopping:
                raise
            self.cut += 1
            if not begun:
                error = {"error": {"code": "stopping", "message": MESSAGE}}
                await JSONResponse(error, 503, {"connection": "close"})(scope, receive, send)
