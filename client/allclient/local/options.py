"""Holds what a server is started with, from one start to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from allclient.errors import ConfigurationError
from allclient.local import ports
from allclient.local.tls import ServerTls


@dataclass(frozen=True, slots=True)
class Options:
    """What a server is started with; ``LocalServer`` says what each does.

    Raises:
        ConfigurationError: HTTP is open to other machines beside TLS, which Triton has for gRPC
            alone.
    """

    model_repository: str | Path | None = None
    flavour: str | None = None
    host: str = "127.0.0.1"
    grpc_port: int = 0
    http_port: int | None = None
    metrics_port: int | None = None
    ready_timeout: float = 120.0
    """Seconds from the start to the first answer."""
    log_file: str | Path | None = None
    model: str | None = None
    allow: Iterable[str] = ()
    tls: ServerTls | None = None
    trace_to: str | None = None
    reloadable: bool = False
    """Whether its models may be changed while it runs."""
    niceness: int = 0
    """How far all its processes give way to others, from 0 to 19, on top of this process's own."""

    def __post_init__(self) -> None:
        if self.tls is None or self.http_port is None:
            return
        if not ports.is_loopback(ports.resolve(self.host)):
            raise ConfigurationError(
                "Triton has no TLS for HTTP, so clients would go around yours: leave --http-port "
                "out, or listen on 127.0.0.1"
            )

    @property
    def asked_ports(self) -> ports.Ports:
        """The ports as they were asked for: 0 is a free one, None is closed."""
        return ports.Ports(self.grpc_port, self.http_port, self.metrics_port)
