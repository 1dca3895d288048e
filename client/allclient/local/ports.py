"""Chooses and holds the TCP ports of one server on one IPv4 address."""

from __future__ import annotations

import contextlib
import errno
import socket
from contextlib import ExitStack
from typing import NamedTuple

from allclient.errors import ConfigurationError, PortInUseError


class Ports(NamedTuple):
    """The ports of a server; HTTP and metrics are None if they are not open."""

    grpc: int
    http: int | None = None
    metrics: int | None = None


def resolve(host: str) -> str:
    """Return the IPv4 address to listen on, in digits, as Triton wants it."""
    try:
        addresses = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"--host {host!r} is no IPv4 address or host name of this machine: {error}"
        ) from error
    return str(addresses[0][4][0])


def is_loopback(address: str) -> bool:
    """Return whether only programs of this machine can reach an address of IPv4."""
    return address.startswith("127.")


def reachable(address: str) -> str:
    """Return where a client on this machine finds a server that listens on ``address``."""
    return "127.0.0.1" if address == "0.0.0.0" else address  # noqa: S104  compared, not bound


def listens(address: str, port: int) -> bool:
    """Return whether a program of this machine takes connections there."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection((reachable(address), port), timeout=1.0),
    ):
        return True
    return False


def choose(address: str, wanted: Ports) -> Ports:
    """Return the ports asked for, with a free one for each 0.

    Another program can take one before Triton binds it; the caller has to reckon with that.

    Raises PortInUseError, ConfigurationError.
    """
    numbers = [port for port in wanted if port]
    if len(numbers) != len(set(numbers)):
        raise ConfigurationError(
            f"gRPC, HTTP and metrics need different ports, not {', '.join(map(str, numbers))}"
        )
    with ExitStack() as held:
        # Given ones first: a free one must not be one of them. All held until all are known.
        chosen = {name: _bind(held, address, port, name) for name, port in _named(wanted) if port}
        for name, port in _named(wanted):
            if port == 0:
                chosen[name] = _bind(held, address, 0, name)
        return Ports(**chosen)


def hold(address: str, ports: Ports) -> ExitStack:
    """Keep the ports from other programs until the stack is closed, also while no server runs.

    They are bound and never listen, so a connection to them is refused; Triton, which like this
    sets SO_REUSEADDR, binds them nevertheless. No program gets them by chance, as it could one that
    nobody has.

    Raises PortInUseError.
    """
    with ExitStack() as held:
        for name, port in _named(ports):
            if port is not None:
                _bind(held, address, port, name, listen=False)
        return held.pop_all()


def in_use(address: str, port: int, name: str) -> PortInUseError:
    """Make the error of a port that another program has."""
    return PortInUseError(
        f"port {port} on {address} is in use by another program; "
        f"choose another with --{name}-port, or stop that program (0 takes any free port)"
    )


def _named(ports: Ports) -> list[tuple[str, int | None]]:
    return list(ports._asdict().items())


def _bind(held: ExitStack, address: str, port: int, name: str, *, listen: bool = True) -> int:
    listener = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    # As Triton does: a connection that lingers from a server just stopped is no hindrance.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        if listen:
            listener.listen(1)
    except (OSError, OverflowError) as error:
        code = getattr(error, "errno", None)
        if code == errno.EADDRINUSE:
            raise in_use(address, port, name) from error
        if code == errno.EADDRNOTAVAIL:
            raise ConfigurationError(
                f"--host {address} is not an address of this machine"
            ) from error
        if code == errno.EACCES:
            raise ConfigurationError(
                f"port {port} needs more rights than this user has; choose one from 1024 up"
            ) from error
        raise ConfigurationError(f"cannot listen on {address} port {port}: {error}") from error
    return int(listener.getsockname()[1])
