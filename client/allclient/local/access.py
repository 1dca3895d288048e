"""Decides what a server opens to its clients: only what is asked for."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final

from allclient.errors import ConfigurationError
from allclient.local.ports import Ports
from allclient.local.supervisor import SECRET, SECRET_VARIABLE

RESTRICTED: Final = ("shared-memory", "model-repository", "logging", "trace")
"""What any client could change for all others, in Triton's words."""

_HEADER: Final = "allclient-admin"
"""Opens what is restricted; for gRPC Triton puts a prefix of its own before it."""


_RARELY: Final = 2_000_000_000
"""Triton traces one request of so many of its own accord."""


def tracing(url: str | None) -> list[str]:
    """Return Triton's options that send traces of those requests whose ``traceparent`` says so.

    Raises ConfigurationError for an address that cannot be one.
    """
    if not url:
        return []
    if not url.startswith(("http://", "https://")) or not url.isprintable() or "," in url:
        raise ConfigurationError(f"--trace-to {url!r} is no http:// or https:// address")
    settings = (
        "mode=opentelemetry",
        f"opentelemetry,url={url}",
        "opentelemetry,resource=service.name=allclient-serve",
        "level=TIMESTAMPS",
        f"rate={_RARELY}",
    )
    return [f"--trace-config={setting}" for setting in settings]


class Access:
    """What is open to whom: ``allow`` is open to everybody, the rest of RESTRICTED by ``headers``.

    Raises ConfigurationError for a name that is not in RESTRICTED.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        allowed = set(allow)
        if unknown := allowed.difference(RESTRICTED):
            raise ConfigurationError(
                f"{', '.join(sorted(unknown))} cannot be allowed; what can: {', '.join(RESTRICTED)}"
            )
        self._closed = [name for name in RESTRICTED if name not in allowed]
        self._key = secrets.token_hex(16)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a gRPC call that is let in where others are not. They are a secret."""
        return {f"triton-grpc-protocol-{_HEADER}": self._key}

    @property
    def variables(self) -> dict[str, str]:
        """Where the supervisor finds the key, which no command line holds."""
        return {SECRET_VARIABLE: self._key}

    def options(self, address: str, ports: Ports) -> dict[str, str | int]:
        """Return Triton's options, by name; SECRET stands for the key."""
        options: dict[str, str | int] = {
            "grpc-address": address,
            "grpc-port": ports.grpc,
            "allow-http": "false",
            "allow-metrics": "false",
        }
        if ports.http is not None:
            options |= {"allow-http": "true", "http-address": address, "http-port": ports.http}
        if ports.metrics is not None:
            options |= {
                "allow-metrics": "true",
                "metrics-address": address,
                "metrics-port": ports.metrics,
            }
        if self._closed:
            closed = f"{','.join(self._closed)}:{_HEADER}={SECRET}"
            options["grpc-restricted-protocol"] = closed
            if ports.http is not None:
                options["http-restricted-api"] = closed
        return options
