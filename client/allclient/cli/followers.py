"""Changes the active release of a folder, and holds the servers to it that follow the folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from allclient.cli.options import ConnectionOptions, check_server, make_connection
from allclient.cli.signals import StopSignals
from allclient.contract import ENSEMBLE
from allclient.errors import AllclientError, ServerTimeoutError

if TYPE_CHECKING:
    from allclient.local.releases import Releases
    from allclient.transport import Connection

_LOOK_EVERY: Final = 0.2
_PATIENCE: Final = 5.0
"""Seconds for the answer to one look at a server."""


class Followers(NamedTuple):
    """The servers that are to serve a release, and how long they may take together.

    Each of them has answered once.
    """

    connections: tuple[Connection, ...]
    wait: float

    @classmethod
    def of(cls, server: str | None, wait: float, options: dict[str, Any]) -> Followers | None:
        """Return the servers that the options name, if they name any, after asking each of them.

        Raises:
            AllclientError: one does not answer. The words are about all that do not.
        """
        connection = ConnectionOptions(**options)  # type: ignore[typeddict-item]
        check_server(server, None, None, connection)
        if not server:
            return None
        asked = make_connection(server, connection, timeout=_PATIENCE, model=ENSEMBLE)
        connections = tuple(asked.each())
        _each(connections, _release)
        return cls(connections, wait)


def change_release(
    releases: Releases, change: Callable[[], str], followers: Followers | None
) -> None:
    """Change the active release, for good only once every follower serves it."""
    if followers is None:
        click.echo(f"{change()} is active")
        return
    before = releases.state
    with StopSignals():
        try:
            _await_each(followers, change())
        except BaseException as error:
            if releases.state == before:
                raise
            releases.restore(before)
            again = f"{before.active} is active again" if before.active else "no release is active"
            if isinstance(error, AllclientError):
                raise type(error)(f"{error}; {again}, for all servers of this folder") from error
            click.echo(f"allclient: {again}, for all servers of this folder", err=True)
            raise


def _await_each(followers: Followers, name: str) -> None:
    """Wait until each server says that it serves this release; say when one does.

    Raises:
        ServerError: at least one does not; the words are about all that do not.
    """
    begun = time.monotonic()

    def wait_for(connection: Connection) -> None:
        while (serves := _release(connection)) != name:
            if time.monotonic() - begun > followers.wait:
                raise ServerTimeoutError(
                    f"{connection.address} still serves {serves or 'a release without a name'} "
                    f"after {followers.wait:g} s, not {name}; does it follow this folder? Its own "
                    "output says why"
                )
            time.sleep(_LOOK_EVERY)
        seconds = time.monotonic() - begun
        click.echo(f"{connection.address} serves {name} after {seconds:.1f} s")

    _each(followers.connections, wait_for)


def _each(connections: Iterable[Connection], ask: Callable[[Connection], object]) -> None:
    """Ask every server; raise what those that failed say, in one error."""
    failures: list[AllclientError] = []
    for connection in connections:
        try:
            ask(connection)
        except AllclientError as error:
            failures.append(error)
    if failures:
        raise type(failures[0])("; ".join(map(str, failures))) from failures[0]


def _release(connection: Connection) -> str:
    """Return the release that a server serves."""
    from allclient.transport.blocking import Transport

    with contextlib.closing(Transport(connection)) as transport:
        return transport.release(_PATIENCE)
