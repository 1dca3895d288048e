"""Defines the options that several commands share, and what they make together."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

import click

from allclient.cli.loading import load
from allclient.contract import ENSEMBLE
from allclient.errors import ConfigurationError
from allclient.textfile import decoded

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from allclient.client import Client
    from allclient.transport import Connection, TlsOptions

_F = TypeVar("_F", bound=Callable[..., Any])

SERVER_VARIABLE: Final = "ALLCLIENT_SERVER"
TOKEN_VARIABLE: Final = "ALLCLIENT_TOKEN"  # noqa: S105  the name of a variable

_EMBEDDED_MAY_BE_AWAY: Final = 3600.0
"""Seconds, far more than its restarts take until it is given up."""


class AnyPath(click.ParamType[Any]):
    """A path of which nothing is asked yet: a network folder may be dead, and never answer."""

    name = "path"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the path as click's own does."""
        return click.Path().shell_complete(ctx, param, incomplete)


_EXISTING_FILE: Final = click.Path(path_type=Path, dir_okay=False)


class ConnectionOptions(TypedDict):
    """The values of ``connection_options``, by name of the parameter."""

    tls: bool
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    token_file: Path | None


server_option = click.option(
    "--server",
    envvar=SERVER_VARIABLE,
    show_envvar=True,
    metavar="HOST:PORT,...",
    help="gRPC address of a Triton server. Several, or a name with several addresses, share the "
    "work. Without it one is started here, used and stopped.",
)
"""For every command that starts a server where none is named."""


def embedded_options(command: _F) -> _F:
    """Add the options of the server that is started here, which ``check_server`` knows."""
    for decorate in (
        click.option(
            "--flavour",
            metavar="NAME",
            help="Model configurations of the server started here (configs/NAME.pbtxt).",
        ),
        click.option(
            "--model-repository",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            metavar="DIR",
            help="Model repository of the server started here.",
        ),
    ):
        command = decorate(command)
    return command


def check_server(
    server: str | None,
    model_repository: Path | None,
    flavour: str | None,
    connection: ConnectionOptions,
) -> None:
    """Check that no option is of another server than the one that will be asked."""
    if server:
        for name, value in (("model-repository", model_repository), ("flavour", flavour)):
            if value is not None:
                raise click.UsageError(
                    f"--{name} is for the server started here, and --server "
                    f"(or ${SERVER_VARIABLE}) names another; --server '' starts one here"
                )
    elif any(connection.values()):
        raise click.UsageError("TLS and token options need --server")


def connection_options(command: _F) -> _F:
    """Add TLS and token, for every command that talks to a server over the network."""
    for decorate in (
        click.option(
            "--token-file",
            type=_EXISTING_FILE,
            metavar="FILE",
            help=f"Send the bearer token in FILE; else that in ${TOKEN_VARIABLE}, if set.",
        ),
        click.option(
            "--tls-key",
            type=_EXISTING_FILE,
            metavar="PEM",
            help="Key of the client certificate.",
        ),
        click.option(
            "--tls-cert",
            type=_EXISTING_FILE,
            metavar="PEM",
            help="Client certificate, for mutual TLS.",
        ),
        click.option(
            "--tls-ca",
            type=_EXISTING_FILE,
            metavar="PEM",
            help="Certificate authority to trust; implies --tls.",
        ),
        click.option("--tls", is_flag=True, help="Encrypt the connection to --server."),
    ):
        command = decorate(command)
    return command


def make_client(
    address: str,
    options: ConnectionOptions,
    *,
    timeout: float,
    retry_for: float = 0.0,
    model: str = ENSEMBLE,
    local: bool = False,
) -> Client:
    """Make a client for ``address``; ``local`` is the embedded server, which gets no secrets.

    The embedded server has answered before, though not this client, and says itself when it is
    given up.
    """
    load("allclient.client")
    from allclient.client import Client
    from allclient.transport import Retry

    retry = Retry(retry_for)
    if local and retry_for > 0:
        retry = Retry(_EMBEDDED_MAY_BE_AWAY, first_contact=_EMBEDDED_MAY_BE_AWAY)
    return Client(address, model=model, timeout=timeout, retry=retry, **secrets_of(options, local))


def make_connection(
    address: str, options: ConnectionOptions, *, timeout: float, model: str, local: bool = False
) -> Connection:
    """Make a connection as ``make_client`` does, for what needs no client."""
    load("allclient.client")
    from allclient.transport import Connection

    return Connection(address, model=model, timeout=timeout, **secrets_of(options, local))


class Secrets(TypedDict):
    """What makes a connection private."""

    tls: TlsOptions | None
    token: str | None


def secrets_of(options: ConnectionOptions, local: bool) -> Secrets:
    """Return the files and the token that the options name; a server started here gets none."""
    from allclient.transport import TlsOptions

    if local:
        return Secrets(tls=None, token=None)
    files = (options["tls_ca"], options["tls_cert"], options["tls_key"])
    encrypted = options["tls"] or any(file is not None for file in files)
    return Secrets(
        tls=TlsOptions(*files) if encrypted else None, token=_token(options["token_file"])
    )


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        return decoded(file.read_bytes()).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"token file {str(file)!r} cannot be read: {error}") from error
