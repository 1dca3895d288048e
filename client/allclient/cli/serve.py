"""Defines ``allclient serve``: the embedded server in the foreground, for other clients."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from allclient.cli import codes
from allclient.cli.loading import load
from allclient.cli.models import RELEASES_VARIABLE
from allclient.cli.tally import NOTICE
from allclient.cli.watched import trace_option
from allclient.errors import ConfigurationError
from allclient.local.access import RESTRICTED
from allclient.local.restarts import MAX_DEATHS, SHORT_LIFE

if TYPE_CHECKING:
    from allclient.local import LocalServer
    from allclient.local.tls import ServerTls

_MAX_WAIT: Final = 0.5
"""Seconds that Ctrl-C may be left unnoticed."""

_FILE: Final = click.Path(path_type=Path, dir_okay=False)

_PORT: Final = click.IntRange(0, 65535)


@click.command(
    short_help="Run a server on this machine for other clients.",
    epilog=f"""\b
Examples:
  allclient serve
  allclient serve --log-file triton.log
  allclient serve --http-port 8000 --metrics-port 8002
  allclient serve --grpc-port 0
  allclient serve --host 0.0.0.0 --tls-cert server.pem --tls-key server.key --client-ca ca.pem
  allclient classify slides/ --server 127.0.0.1:8001

A server that dies or hangs is started again on the same ports, and standard
error says why; clients wait for it (classify --retry-for). It is given up when
it dies {MAX_DEATHS} times in a row, each time within {SHORT_LIFE:.0f} seconds.

Exit codes: 0 when stopped by Ctrl-C, SIGTERM or SIGHUP, 2 for a wrong option,
3 when the server cannot start or was given up.
""",
)
@click.option(
    "--model-repository",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="What to serve; else $ALLCLIENT_MODEL_REPOSITORY, else the checkout's model_repository/.",
)
@click.option(
    "--releases",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=RELEASES_VARIABLE,
    show_envvar=True,
    metavar="DIR",
    help="Serve the active release of this folder, and the next one from when it is active; see "
    "allclient models.",
)
@click.option(
    "--flavour",
    metavar="NAME",
    help="Serve the models' configs/NAME.pbtxt where they have one, else config.pbtxt.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="IPv4 address to listen on; 0.0.0.0 for all of this machine's.",
)
@click.option("--grpc-port", type=_PORT, default=8001, show_default=True, help="0 for a free one.")
@click.option(
    "--http-port", type=_PORT, help="Listen for HTTP, too; 0 for a free port. Default: not at all."
)
@click.option(
    "--metrics-port",
    type=_PORT,
    help="Listen for requests of metrics, too; 0 for a free port. Default: not at all.",
)
@click.option(
    "--tls-cert",
    type=_FILE,
    metavar="PEM",
    help="Encrypt gRPC with this certificate (and those between it and the root), and --tls-key.",
)
@click.option("--tls-key", type=_FILE, metavar="PEM", help="Key of the server's certificate.")
@click.option(
    "--client-ca",
    type=_FILE,
    metavar="PEM",
    help="Mutual TLS: let in only clients with a certificate of this authority.",
)
@click.option(
    "--allow",
    type=click.Choice(RESTRICTED),
    multiple=True,
    help="Let every client use this; may be repeated. Default: none of them, since each lets one "
    "client change something for all others.",
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write Triton's log here and keep it; else it goes with the server.",
)
@trace_option
@click.option(
    "--ready-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up when the first image is not answered by then.",
)
@click.pass_context
def serve(
    ctx: click.Context,
    /,
    model_repository: Path | None,
    releases: Path | None,
    flavour: str | None,
    host: str,
    grpc_port: int,
    http_port: int | None,
    metrics_port: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    allow: tuple[str, ...],
    log_file: Path | None,
    trace_to: str | None,
    ready_timeout: float,
) -> None:
    """Run Triton with the project's models until Ctrl-C.

    It listens for gRPC and answers every KServe v2 client; it has answered a first image when it
    says that it is ready. Requests that run when it is stopped fail, and their clients try again.
    It knows no passwords, and encrypts nothing without --tls-cert.
    """
    load("allclient.client")
    from allclient.local import LocalServer
    from allclient.local.follow import Follower
    from allclient.local.tls import ServerTls

    if (tls_cert is None) != (tls_key is None) or (client_ca is not None and tls_cert is None):
        raise click.UsageError("TLS needs --tls-cert and --tls-key, mutual TLS --client-ca as well")
    tls = None if tls_cert is None or tls_key is None else ServerTls(tls_cert, tls_key, client_ca)
    if releases is not None and model_repository is not None:
        raise ConfigurationError("give --releases or --model-repository, not both")
    follower = None if releases is None else Follower(releases, _say)
    server = LocalServer(
        model_repository=follower.repository if follower else model_repository,
        flavour=flavour,
        host=host,
        grpc_port=grpc_port,
        http_port=http_port,
        metrics_port=metrics_port,
        ready_timeout=ready_timeout,
        log_file=log_file,
        allow=allow,
        tls=tls,
        trace_to=trace_to,
        notify=_say,
        reloadable=follower is not None,
    )
    with signals_interrupt():
        try:
            click.echo(f"starting Triton with {server.model_repository} ...")
            begun = time.monotonic()
            server.start()
            click.echo(_report(server, host, tls, time.monotonic() - begun))
            # Not for ever at once: a signal that comes just before a wait begins does not end it.
            while server.failure is None:
                server.wait(_MAX_WAIT)
                if follower:
                    follower.follow(server)
        except KeyboardInterrupt:
            click.echo("stopping ...")
        finally:
            server.stop()
    if server.failure is not None:
        click.echo(f"allclient: {server.failure}", err=True)
        ctx.exit(codes.NO_SERVER)
    click.echo("stopped")


def _say(text: str) -> None:
    from allclient.report.formats import printable

    click.echo(printable(f"allclient: {text}"), err=True)


def _report(server: LocalServer, host: str, tls: ServerTls | None, seconds: float) -> str:
    from allclient.local import binaries, mend, sharedmemory

    models = ", ".join(f"{name} (version {version})" for name, version in server.models().items())
    lines = [
        f"ready after {seconds:.1f} s",
        "",
        f"  gRPC      {server.grpc_address}{_encrypted(tls)}",
        *_opened("HTTP", server.http_address, ""),
        *_opened("metrics", server.metrics_address, "/metrics"),
        f"  flavour   {server.flavour or 'default'}",
        f"  models    {models}",
        f"  release   {server.release}",
        *(f"  runs on   {how}: {', '.join(who)}" for how, who in _by_provider(server).items()),
        f"  log       {server.log_path}",
        f"  process   {server.pid}",
        "",
        f"  allclient classify PATH... --server {_named(server, tls)}",
        "",
        NOTICE,
    ]
    if not server.is_loopback and (danger := _danger(tls)):
        lines.append(f"Warning: everybody who reaches {host} can {danger}.")
    programs = binaries.find(())
    if weakness := mend.weakness(programs.server, programs.libraries):
        lines.append(f"Warning: {weakness}.")
    if shortage := sharedmemory.shortage():
        lines.append(f"Warning: {shortage}.")
    return "\n".join([*lines, "Ctrl-C stops it."])


def _encrypted(tls: ServerTls | None) -> str:
    if tls is None:
        return ""
    return " (TLS)" if tls.client_ca is None else " (TLS, clients need a certificate)"


def _named(server: LocalServer, tls: ServerTls | None) -> str:
    if tls is None:
        return server.grpc_address
    own = "" if tls.client_ca is None else " --tls-cert PEM --tls-key PEM"
    return f"NAME:{server.grpc_address.rpartition(':')[2]} --tls-ca PEM{own}"


def _danger(tls: ServerTls | None) -> str | None:
    """Say what others can do, on a server that not only this machine reaches."""
    if tls is None:
        return (
            "use this server and read what crosses the network: it has no encryption and no "
            "passwords. Use --tls-cert, --tls-key and --client-ca, or a proxy with TLS"
        )
    if tls.client_ca is None:
        return "use this server: --client-ca lets in only clients with a certificate"
    return None


def _opened(what: str, address: str | None, path: str) -> list[str]:
    return [] if address is None else [f"  {what:<9} http://{address}{path}"]


def _by_provider(server: LocalServer) -> dict[str, list[str]]:
    """Group models of the onnxruntime backend by what they run on."""
    grouped: dict[str, list[str]] = {}
    for model, how in server.providers().items():
        grouped.setdefault(how, []).append(model)
    return grouped


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Treat SIGTERM (service managers) and SIGHUP (a closed terminal) as Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}  # Windows has no SIGHUP
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
