"""Defines ``allclient bench``: how many images a second a server reads, and how long each waits."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allclient.cli import codes
from allclient.cli.options import (
    AnyPath,
    ConnectionOptions,
    check_server,
    connection_options,
    embedded_options,
    make_client,
    make_connection,
    server_option,
)
from allclient.contract import CASCADE, ENSEMBLE
from allclient.errors import ImageReadError
from allclient.result import Pipe

if TYPE_CHECKING:
    from allclient.load import Load

_BUSY: Final = 0.8
"""Processors kept busy by this process from which on it may be what is measured."""

_HEAD: Final = ("in flight", "images/s", "p50 ms", "p90 ms", "p99 ms", "errors", "client CPU")


def _numbers(ctx: click.Context, param: click.Parameter, text: str) -> tuple[int, ...]:
    """Parse whole numbers with commas between: 1,8,32."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(1 <= number <= 1024 for number in numbers):
        raise click.BadParameter(
            f"{text!r} is not a list of numbers from 1 to 1024, as 1,8,32", ctx, param
        )
    return numbers


@click.command(
    short_help="Measure a server's throughput and latency.",
    epilog=f"""\b
Examples:
  allclient bench slides/
  allclient bench slides/ --server triton.example:8001 --in-flight 1,8,32,128
  allclient bench slides/ --model all_cascade --seconds 30
  allclient bench slides/ --format json | jq '.loads[].images_per_second'

\b
Columns:
  in flight   requests at the server at once, one image each
  images/s    answers a second
  p50 ...     time from sending to the answer that this share stayed below;
              with many in flight most of it is waiting in the server's queue
  errors      requests without an answer; they count nowhere else
  client CPU  processors that this command kept busy; near 1, it is the limit

On the server's own machine this command takes a part of its processors.
The answers are not looked at; allclient classify does that.

Exit codes: 0 when every request was answered, 1 when some failed, 2 for a
wrong option or no image, 3 when no server answers.
{codes.OTHERS}
""",
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=AnyPath())
@click.option("-r", "--recursive", is_flag=True, help="Search folders in folders too.")
@server_option
@click.option(
    "--model",
    type=click.Choice([ENSEMBLE, CASCADE]),
    default=ENSEMBLE,
    show_default=True,
    help="The model to load.",
)
@click.option(
    "--in-flight",
    callback=_numbers,
    default="1,8,32",
    show_default=True,
    metavar="N,N,...",
    help="Requests at the server at once, one measurement for each.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Length of each measurement.",
)
@click.option(
    "--warmup",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Load before each measurement that does not count.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Send at most so many different images, spread over all that are found.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest wait for one image.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people or one JSON object.",
)
@embedded_options
@connection_options
def bench(
    paths: tuple[str, ...],
    recursive: bool,
    server: str | None,
    model: str,
    in_flight: tuple[int, ...],
    seconds: float,
    warmup: float,
    limit: int,
    timeout: float,
    form: str,
    model_repository: Path | None,
    flavour: str | None,
    **options: Any,
) -> int:
    """Send images to a server for a while and say how many it answered, and how fast."""
    from allclient.load import closed_loop
    from allclient.transport.raw import RawCalls

    connection: ConnectionOptions = options  # type: ignore[assignment]
    check_server(server, model_repository, flavour, connection)
    images = _images(paths, recursive, limit)
    loads = []
    with ExitStack() as stack:
        address = server or _start(stack, model_repository, flavour, model)
        local = not server
        with make_client(address, connection, timeout=timeout, model=model, local=local) as client:
            client.classify(images[0])  # a server that cannot answer says so before the load
        calls = RawCalls(
            make_connection(address, connection, timeout=timeout, model=model, local=local), images
        )
        stack.callback(calls.close)
        if form == "table":
            click.echo(_line(_HEAD))
        for number in in_flight:
            load = closed_loop(
                lambda: calls.send, concurrency=number, seconds=seconds, warmup=warmup
            )
            loads.append(load)
            if form == "table":
                click.echo(_line(_cells(load)))
    if form == "json":
        report = {
            "server": "embedded" if local else address,
            "model": model,
            "images": len(images),
            "loads": [load.as_json() for load in loads],
        }
        click.echo(json.dumps(report))
    else:
        _explain(loads)
    return codes.SOME_FAILED if any(load.failed for load in loads) else codes.CLASSIFIED


def _images(paths: tuple[str, ...], recursive: bool, limit: int) -> list[bytes]:
    from allclient.sources import expand

    paths_found = list(expand(paths, recursive=recursive))
    if not paths_found:
        raise click.UsageError("no image was found; folders are searched for image files")
    step = max(len(paths_found) / limit, 1.0)
    return [_image(paths_found[int(i * step)]) for i in range(min(limit, len(paths_found)))]


def _image(path: str) -> bytes:
    from allclient.client.reading import read_image

    try:
        return read_image(path, pipes=isinstance(path, Pipe))
    except ImageReadError as error:
        raise ImageReadError(f"{path}: {error}", code=error.code) from error


def _start(stack: ExitStack, model_repository: Path | None, flavour: str | None, model: str) -> str:
    from allclient.local import LocalServer

    click.echo("starting a server here (--server uses one that runs) ...", err=True)
    server = LocalServer(model_repository=model_repository, flavour=flavour, model=model)
    return stack.enter_context(server).grpc_address


def _cells(load: Load) -> tuple[str, ...]:
    latencies = [load.latency_ms(percentile) for percentile in (50, 90, 99)]
    return (
        str(load.concurrency),
        f"{load.throughput:.1f}",
        *("-" if value is None else f"{value:.1f}" for value in latencies),
        str(load.failed),
        f"{load.cpu_share:.2f}",
    )


def _line(cells: tuple[str, ...]) -> str:
    return "  ".join(f"{cell:>10}" for cell in cells)


def _explain(loads: list[Load]) -> None:
    for load in loads:
        for code, count in sorted(load.errors.items()):
            click.echo(f"{load.concurrency} in flight: {count} times {code}", err=True)
        if load.answered < 5 * load.concurrency:
            click.echo(
                f"{load.concurrency} in flight: only {load.answered} answers; "
                "a longer --seconds gives steadier numbers",
                err=True,
            )
        if load.cpu_share > _BUSY:
            click.echo(
                f"{load.concurrency} in flight: this command kept {load.cpu_share:.2f} processors "
                "busy and may be what limits the numbers; perf_analyzer takes less",
                err=True,
            )
