"""Serves the page over HTTP, in this process and on a socket that is open before it starts."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from allclient.errors import ConfigurationError, PortInUseError
from allclient.web.cutting import Cutting
from allclient.web.hub import Hub

_GRACE = 3
"""Seconds that requests may still take when the server is stopped; then they are cut off."""

_END = 7
"""Seconds after that in which uvicorn gives up what cannot even be cut off."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; port 0 takes a free one."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        if isinstance(error, socket.gaierror):
            raise ConfigurationError(f"--host {host!r} is no address here: {error}") from error
        why = os.strerror(error.errno or 0)  # error.strerror tells the address once more
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigurationError(
                f"--host {host!r} is no address of this machine: {why}"
            ) from error
        raise PortInUseError(
            f"port {port} on {host} cannot be used: {why}; name another with --port"
        ) from error


def url_of(listening: socket.socket, root_path: str = "") -> str:
    """Return where a browser on this machine finds the page."""
    host, port = listening.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  compared, not bound
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{root_path}"


def make_server(
    app: FastAPI,
    hub: Hub,
    *,
    root_path: str = "",
    proxies: tuple[str, ...] = (),
    ready: Callable[[], None] = lambda: None,
) -> Serving:
    """Return what answers in ``run(sockets=[...])`` until SIGINT or SIGTERM.

    The handlers of both are called at the end.
    """
    cutting = Cutting(app)
    config = uvicorn.Config(
        cutting,
        access_log=False,  # addresses of requests hold names of files
        log_config=None,
        server_header=False,
        ws="none",  # there are none, and their addresses would be logged
        root_path=root_path,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=_GRACE + _END,
        lifespan="off",
    )
    return Serving(config, cutting, hub, ready)


class Serving(uvicorn.Server):
    """Serves the page; ``cut`` requests were cut off when it stopped."""

    def __init__(
        self, config: uvicorn.Config, cutting: Cutting, hub: Hub, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._cutting = cutting
        self._hub = hub
        self._ready = ready

    @property
    def cut(self) -> int:
        """How many requests were cut off."""
        return self._cutting.cut

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests end, and cut off those that take too long."""
        self._hub.close()  # open streams of events would be waited for
        end = asyncio.get_running_loop().call_later(_GRACE, self._cut_off)
        try:
            await super().shutdown(sockets)
        finally:
            end.cancel()

    def _cut_off(self) -> None:
        self._cutting.stopping = True
        for task in self.server_state.tasks:
            task.cancel()
