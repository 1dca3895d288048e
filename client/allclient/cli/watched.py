"""Defines the options by which a command is watched: metrics and traces, both off by default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeVar

import click

from allclient.needed import needing
from allclient.watching import watched_by

_F = TypeVar("_F", bound=Callable[..., Any])

TRACE_VARIABLE: Final = "ALLCLIENT_TRACE_TO"

trace_option = click.option(
    "--trace-to",
    envvar=TRACE_VARIABLE,
    show_envvar=True,
    metavar="URL",
    help="Send OpenTelemetry traces to this collector, as http://127.0.0.1:4318/v1/traces.",
)
metrics_options = (
    click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        help="Answer Prometheus on this port while it runs; 0 for a free one.",
    ),
    click.option(
        "--metrics-host",
        default="127.0.0.1",
        show_default=True,
        metavar="ADDRESS",
        help="Where --metrics-port listens.",
    ),
)


def watch_options(command: _F) -> _F:
    """Add the options of a command that ``watching`` takes."""
    for decorate in (trace_option, *reversed(metrics_options)):
        command = decorate(command)
    return command


@contextmanager
def traced(url: str | None, service: str) -> Iterator[None]:
    """Send traces for as long as the block lasts, if there is an address to send them to."""
    if not url:
        yield
        return
    from allclient import __version__

    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--trace-to {url!r} begins with no http:// or https://")
    with needing("--trace-to", "watch"):
        from allclient.watch.tracing import Tracing
    tracing = Tracing(url, service, __version__)
    try:
        with watched_by(tracing):
            yield
    finally:
        tracing.close()


@contextmanager
def watching(
    service: str,
    trace_to: str | None,
    metrics_port: int | None,
    metrics_host: str,
    collectors: Iterable[Any] = (),
) -> Iterator[None]:
    """Do what the options say for as long as the block lasts; ``collectors`` add metrics."""
    with ExitStack() as stack:
        stack.enter_context(traced(trace_to, service))
        if metrics_port is not None:
            with needing("--metrics-port", "watch"):
                from allclient.watch.metrics import served
            port = stack.enter_context(served(metrics_host, metrics_port, collectors))
            click.echo(f"metrics: http://{metrics_host}:{port}/metrics", err=True)
        yield
