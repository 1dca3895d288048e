"""Checks every request first: its host, its origin and its size; adds headers to answers."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_SAFE: Final = {"GET", "HEAD", "OPTIONS"}
_SAME: Final = {"same-origin", "none"}

MAX_FORM: Final = 256 * 1024
"""Bytes of any request but an upload, which is counted where it is written."""


class TooLargeError(HTTPException):
    """The body of a request goes on beyond what its kind may have."""

    def __init__(self) -> None:
        super().__init__(413, "that is more than this page takes")


class Guard:
    """``hosts`` are the names that browsers may ask for; a page elsewhere cannot borrow another."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...], secure: bool) -> None:
        self._app = app
        self._hosts = set(hosts)
        self._headers = dict(HEADERS)
        if secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    answer.setdefault(name, value)
                answer.setdefault("cache-control", "no-store")
            await send(message)

        # Who looks whether the page works asks by number, and learns nothing else.
        probe = scope["path"].rpartition("/health/")[2] in {"live", "ready"}
        problem = None if probe else self._problem(scope["method"], headers)
        if problem is not None:
            status, text = problem
            await PlainTextResponse(text + "\n", status)(scope, receive, send_guarded)
            return
        is_upload = headers.get("content-type", "") == "application/octet-stream"
        limited = receive if is_upload else _limited(receive)
        await self._app(scope, limited, send_guarded)

    def _problem(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if "*" not in self._hosts and _name(host) not in self._hosts:
            return 400, "This name is not one under which the page may be asked: see --host-name."
        if method in _SAFE:
            return None
        site = headers.get("sec-fetch-site")
        origin = headers.get("origin")
        if site is not None:
            foreign = site not in _SAME
        else:
            foreign = origin is not None and urlsplit(origin).netloc != host
        return (403, "This request came from another site.") if foreign else None


def _name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    return (
        host[: host.index("]") + 1]
        if host.startswith("[") and "]" in host
        else (host.partition(":")[0])
    )


def _limited(receive: Receive) -> Receive:
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_FORM:
            raise TooLargeError
        return message

    return limited
