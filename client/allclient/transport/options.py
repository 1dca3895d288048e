"""Defines how to reach a server: address, TLS, headers, time and tries. No network here."""

from __future__ import annotations

import ipaddress
import json
import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from allclient.contract import ENSEMBLE, MAX_MESSAGE_BYTES
from allclient.errors import ConfigurationError

DEFAULT_PORT = 8001
"""Triton's own default for gRPC."""

_MAX_WAIT = 1e9
"""Seconds; gRPC's clock has an end."""

_HEADER_NAME = re.compile(r"[0-9a-z_.-]+(?<!-bin)")

_MAX_ANSWER_BYTES = 16 * 1024 * 1024

_EVERY_ADDRESS = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
"""Makes gRPC use all addresses of a DNS name in turn, and leave out those that do not answer."""


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """PEM files for an encrypted connection; ``cert`` and ``key`` together make it mutual TLS.

    Without ``ca`` the certificate authorities that come with gRPC are trusted. ``server_name`` is
    the name that the server's certificate has to be for, where it is not that of the address.

    Raises:
        ConfigurationError: a file is missing, unreadable or not PEM; the message names it.
    """

    ca: str | Path | None = None
    cert: str | Path | None = None
    key: str | Path | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            named, missing = ("cert", "key") if self.key is None else ("key", "cert")
            raise ConfigurationError(
                f"mutual TLS needs a client certificate and its key: {named} is given, "
                f"{missing} is missing"
            )
        for role, path in (("ca", self.ca), ("cert", self.cert), ("key", self.key)):
            if path is not None:
                _check_pem(role, path)


def _check_pem(role: str, path: str | Path) -> None:
    # gRPC reports a bad file only as "failed to connect", minutes later and without its name.
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"TLS {role} file {str(path)!r} cannot be read: {reason}"
        ) from error
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError(
            f"TLS {role} file {str(path)!r} begins with a mark of order (BOM): save it without"
        )
    if b"-----BEGIN " not in content:
        raise ConfigurationError(
            f"TLS {role} file {str(path)!r} is not PEM: it holds no line '-----BEGIN ...-----'"
        )


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to wait for a server that is away: restarting, stopping or not reached.

    ``seconds`` is how long a server that has answered this client may be away before it is given
    up; 0 never tries again. A server that has never answered is given up after ``first_contact``
    seconds: a wrong address should be told soon. Pauses between tries are in seconds, and doubled
    each time up to ``longest``; each is shortened by a random part of up to a half, so that many
    clients do not come back at the same moment.
    """

    seconds: float = 60.0
    first_contact: float = 5.0
    first: float = 0.25
    longest: float = 2.0

    def __post_init__(self) -> None:
        for seconds in (self.seconds, self.first_contact, self.first, self.longest):
            if not (_is_number(seconds) and seconds >= 0):
                raise ConfigurationError(
                    f"retry: a time is in seconds and never negative, not {seconds!r}"
                )

    def pauses(self) -> Iterator[float]:
        """Yield the seconds to wait before the second, third, ... try, without end."""
        pause = self.first
        while True:
            yield min(pause, self.longest) * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
            pause = min(pause * 2, self.longest)


def check_seconds(seconds: float, name: str = "timeout") -> float:
    """Return ``seconds`` after a check.

    Raises:
        ConfigurationError: they are no time that can be waited.
    """
    if not (_is_number(seconds) and 0 < seconds <= _MAX_WAIT):
        raise ConfigurationError(
            f"{name} must be above 0 seconds and at most {_MAX_WAIT:.0f}, not {seconds!r}"
        )
    return seconds


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def parse_address(text: str) -> str:
    """Return an address as host:port.

    It may be ``host``, ``host:port`` or ``[ipv6]:port``, with or without ``grpc://``.
    """
    if not isinstance(text, str) or not text.strip().isprintable():
        raise ConfigurationError(f"server address {text!r} is not host:port")
    address = text.strip()
    scheme, separator, rest = address.partition("://")
    if separator:
        if scheme.lower() != "grpc":
            raise ConfigurationError(
                f"server address {text!r}: allclient speaks gRPC, not {scheme}; "
                f"give host:port with Triton's gRPC port (usually {DEFAULT_PORT})"
            )
        address = rest.rstrip("/")
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ConfigurationError(f"server address {text!r} is not [ipv6]:port")
        host, port = f"[{host}]", port[1:]
    elif address.count(":") > 1:
        raise ConfigurationError(f"server address {text!r}: write an IPv6 address as [::1]:8001")
    else:
        host, _, port = address.partition(":")
    port = port or str(DEFAULT_PORT)
    if not host or host == "[]" or set(host) & set("/ \t@"):
        raise ConfigurationError(f"server address {text!r} is not host:port")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigurationError(f"server address {text!r}: {port!r} is not a port from 1 to 65535")
    return f"{host}:{port}"


def parse_addresses(text: str) -> tuple[str, ...]:
    """Return the addresses of a list with commas between, each as host:port and once."""
    if not isinstance(text, str):
        return (parse_address(text),)
    return tuple(dict.fromkeys(parse_address(part) for part in text.split(",")))


def is_loopback(address: str) -> bool:
    """Return whether an address is of this machine alone."""
    host = _host(address)
    if host == "localhost":
        return True
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_header(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything a transport needs to know, checked.

    ``address`` is host:port, or several with commas between: servers that share the work.
    ``timeout`` is in seconds, for one answer of a server that is there; ``retry`` is about one
    that is not.
    """

    address: str
    model: str = ENSEMBLE
    timeout: float = 60.0
    tls: TlsOptions | None = None
    retry: Retry = Retry()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", ",".join(parse_addresses(self.address)))
        check_seconds(self.timeout)
        for name, kind in (("model", str), ("retry", Retry), ("headers", Mapping)):
            value = getattr(self, name)
            if not isinstance(value, kind) or value == "":
                raise ConfigurationError(
                    f"{name} must be a {kind.__name__}, not {type(value).__name__}"
                )
        if not isinstance(self.tls, TlsOptions | None):
            raise ConfigurationError(f"tls must be TlsOptions, not {type(self.tls).__name__}")
        for name, value in self.headers.items():
            # The value may be a secret: name the header alone.
            if not (_is_header(name) and _HEADER_NAME.fullmatch(name) and _is_header(value)):
                raise ConfigurationError(
                    f"header {name!r}: gRPC wants a lower-case ASCII name and an ASCII value"
                )
        if self.token is not None:
            if not (self.token and _is_header(self.token)):
                raise ConfigurationError("the token is empty or holds characters no header may")
            if self.tls is None and not all(map(is_loopback, self.addresses)):
                raise ConfigurationError(
                    f"a token to {self.address} would cross the network unencrypted; use TLS"
                )

    @property
    def addresses(self) -> tuple[str, ...]:
        """HOST:PORT of each server."""
        return tuple(self.address.split(","))

    def each(self) -> list[Connection]:
        """Return a connection for each server."""
        return [replace(self, address=address) for address in self.addresses]

    def metadata(self) -> dict[str, str]:
        """Return the headers of every request. They hold secrets: never log them."""
        headers = dict(self.headers)
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        return headers

    def client_arguments(self) -> dict[str, object]:
        """Return the arguments of tritonclient's client for one server, sync and aio alike."""
        arguments: dict[str, object] = {"url": self.address, "channel_args": self._channel_args()}
        if self.tls is not None:
            arguments["ssl"] = True
            for name, path in (
                ("root_certificates", self.tls.ca),
                ("certificate_chain", self.tls.cert),
                ("private_key", self.tls.key),
            ):
                arguments[name] = None if path is None else str(path)
        return arguments

    def _channel_args(self) -> list[tuple[str, int | str]]:
        arguments: list[tuple[str, int | str]] = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
            # A connection that a firewall forgot is noticed while work is in flight, and only
            # then: Triton closes on clients that ping more often than every 5 minutes idle.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.keepalive_permit_without_calls", 0),
            # gRPC's own pause between connection tries grows to two minutes, far beyond ours:
            # every try in between would fail without having been one.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
            # This one is the time that a connection may take, whatever its name.
            ("grpc.min_reconnect_backoff_ms", 5_000),
            # Two clients of one process must not share a connection: closing one is final.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if is_loopback(self.address):
            arguments.append(("grpc.enable_http_proxy", 0))
        if not _is_ip(_host(self.address)):
            arguments.append(("grpc.service_config", _EVERY_ADDRESS))
        if self.tls is not None and self.tls.server_name is not None:
            arguments.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return arguments
