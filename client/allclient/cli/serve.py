"""``allclient serve``: the embedded server in the foreground, for other clients."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from allclient.cli import codes
from allclient.cli.tally import NOTICE

if TYPE_CHECKING:
    from allclient.local import LocalServer

_LONGEST_WAIT: Final = 0.5
"""Seconds that Ctrl-C may be left unnoticed."""

_PORT: Final = click.IntRange(0, 65535)


@click.command(
    short_help="Run a server on this machine for other clients.",
    epilog="""\b
Examples:
  allclient serve
  allclient serve --log-file triton.log
  allclient serve --grpc-port 0 --http-port 0 --metrics-port 0
  allclient classify slides/ --server 127.0.0.1:8001

Exit codes: 0 when stopped by Ctrl-C, SIGTERM or SIGHUP, 2 for a wrong option, 3 when the server
cannot start or has died.
""",
)
@click.option(
    "--model-repository",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="What to serve; else $ALLCLIENT_MODEL_REPOSITORY, else the checkout's model_repository/.",
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
@click.option("--http-port", type=_PORT, default=8000, show_default=True, help="0 for a free one.")
@click.option(
    "--metrics-port", type=_PORT, default=8002, show_default=True, help="0 for a free one."
)
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write Triton's log here and keep it; else it goes with the server.",
)
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
    flavour: str | None,
    host: str,
    grpc_port: int,
    http_port: int,
    metrics_port: int,
    log_file: Path | None,
    ready_timeout: float,
) -> None:
    """Run Triton with the project's models until Ctrl-C.

    It has answered a first image when it says that it is ready. Requests that run when it is
    stopped fail, and their clients try again. It knows neither encryption nor passwords.
    """
    from allclient.local import LocalServer

    server = LocalServer(
        model_repository=model_repository,
        flavour=flavour,
        host=host,
        grpc_port=grpc_port,
        http_port=http_port,
        metrics_port=metrics_port,
        ready_timeout=ready_timeout,
        log_file=log_file,
    )
    status = None
    with _signals_interrupt():
        try:
            click.echo(f"starting Triton with {server.model_repository} ...")
            begun = time.monotonic()
            server.start()
            click.echo(_report(server, host, time.monotonic() - begun))
            # Not for ever at once: a signal that comes just before a wait begins does not end it.
            while (status := server.wait(_LONGEST_WAIT)) is None:
                pass
        except KeyboardInterrupt:
            click.echo("stopping ...")
        finally:
            server.stop()
    if status is not None:
        click.echo(
            f"allclient: tritonserver died with status {status}; its log is {server.log_path}",
            err=True,
        )
        ctx.exit(codes.NO_SERVER)
    click.echo("stopped")


def _report(server: LocalServer, host: str, seconds: float) -> str:
    from allclient.local import binaries, mend, sharedmemory

    models = ", ".join(f"{name} (version {version})" for name, version in server.models().items())
    lines = [
        f"ready after {seconds:.1f} s",
        "",
        f"  gRPC      {server.grpc_address}",
        f"  HTTP      http://{server.http_address}",
        f"  metrics   http://{server.metrics_address}/metrics",
        f"  flavour   {server.flavour or 'default'}",
        f"  models    {models}",
        *(f"  runs on   {how}: {', '.join(who)}" for how, who in _by_provider(server).items()),
        f"  log       {server.log_path}",
        f"  process   {server.pid}",
        "",
        f"  allclient classify PATH... --server {server.grpc_address}",
        "",
        NOTICE,
    ]
    if not server.is_loopback:
        lines.append(
            f"Warning: everybody who reaches {host} can use this server and read what crosses the "
            "network: it has no encryption and no passwords. Put a proxy with TLS before it."
        )
    found = binaries.find(())
    if weakness := mend.weakness(found.server, found.libraries):
        lines.append(f"Warning: {weakness}.")
    if shortage := sharedmemory.shortage():
        lines.append(f"Warning: {shortage}.")
    return "\n".join([*lines, "Ctrl-C stops it."])


def _by_provider(server: LocalServer) -> dict[str, list[str]]:
    """Models of the onnxruntime backend by what they run on."""
    grouped: dict[str, list[str]] = {}
    for model, how in server.providers().items():
        grouped.setdefault(how, []).append(model)
    return grouped


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM (service managers, containers) and SIGHUP (a closed terminal) as Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}  # Windows has no SIGHUP
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
