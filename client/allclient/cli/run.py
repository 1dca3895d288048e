"""One run of ``allclient classify``: images found, a server, results written, a summary."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import click

from allclient import heap
from allclient.cli import codes
from allclient.cli.options import ConnectionOptions, check_server, make_client
from allclient.cli.screen import Screen, TerminalTable
from allclient.cli.signals import StopSignals
from allclient.cli.tally import NOTICE, Tally
from allclient.contract import DICOM_SUFFIXES, IMAGE_SUFFIXES, ReviewReason
from allclient.errors import AllclientError, ModelNotReadyError, OutputError
from allclient.report import (
    SUFFIXES,
    Csv,
    FileOutput,
    JsonLines,
    Row,
    RowFile,
    StreamOutput,
    Table,
    opening,
    row_of,
)
from allclient.report.formats import Format, printable
from allclient.sources import Skipped, expand

if TYPE_CHECKING:
    from allclient.client import Client, Stream
    from allclient.local import LocalServer

_FORMATS: Final[dict[str, Callable[[], Format]]] = {"csv": Csv, "jsonl": JsonLines, "table": Table}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of ``allclient classify``, by name."""

    paths: tuple[str, ...]
    recursive: bool
    null: bool
    form: str | None
    output: Path | None
    resume: bool
    overwrite: bool
    server: str | None
    model: str
    in_flight: int
    timeout: float
    retry_for: float
    unordered: bool
    model_repository: Path | None
    flavour: str | None
    tls: bool
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    token_file: Path | None

    def connection(self) -> ConnectionOptions:
        return ConnectionOptions(
            tls=self.tls,
            tls_ca=self.tls_ca,
            tls_cert=self.tls_cert,
            tls_key=self.tls_key,
            token_file=self.token_file,
        )


class Output(Protocol):
    """Where rows go."""

    def is_done(self, file: str) -> bool: ...
    def write(self, row: Row) -> None: ...
    def finish(self) -> None: ...
    def abandon(self) -> str | None: ...


def run(options: Options) -> int:
    """Classify; the exit code. Raises AllclientError when it could not even begin."""
    _check(options)
    heap.limit()
    skipped = Skipped()
    files = _search(options, skipped)
    tally = Tally()
    with Screen() as screen, StopSignals() as signals:
        first = signals.call(next, files, None)
        if first is None:
            click.echo(_nothing_found(options.paths, skipped), err=True)
            return codes.USAGE
        output = signals.call(_open_output, options, screen)
        todo = (file for file in chain([first], files) if not output.is_done(file))
        first_todo = signals.call(next, todo, None)
        failure: AllclientError | None = None
        if first_todo is not None:
            try:
                with ExitStack() as stack:
                    server = _start_server(options, stack, screen)
                    client = stack.enter_context(_client(options, server))
                    tally.begin()
                    screen.start(lambda: _count(options, output))
                    stream = client.classify_many(
                        chain([first_todo], todo),
                        ordered=not options.unordered,
                        in_flight=options.in_flight,
                    )
                    signals.watch(stream)
                    if server is not None:
                        server.when_lost(stream.stop)
                    _write_all(stream, output, tally, screen, signals)
            except AllclientError as error:
                failure = error
            except BaseException:
                _keep(output, screen, signals)
                raise
        screen.stop()
        return _close(options, output, tally, skipped, screen, signals, failure)


def _close(
    options: Options,
    output: Output,
    tally: Tally,
    skipped: Skipped,
    screen: Screen,
    signals: StopSignals,
    failure: AllclientError | None,
) -> int:
    """Say how it went, and finish the output or keep it for later; the exit code."""
    if failure is not None and not tally.begun:
        _keep(output, screen, signals)
        raise failure
    if failure is None and signals.received is None:
        try:
            signals.call(output.finish)
        except OutputError as error:
            failure = error
    complete = failure is None and signals.received is None
    if said := skipped.sentence():
        screen.say(said)
    before = output.resumed if isinstance(output, FileOutput) else 0
    screen.say(tally.sentence(before=before))
    screen.say(NOTICE)
    if complete:
        return codes.SOME_FAILED if tally.failed else codes.CLASSIFIED
    if failure is None:
        screen.say("allclient: stopped before the end")
    try:
        _keep(output, screen, signals)
    except OutputError as error:
        failure = failure or error
    if failure is not None:
        raise failure
    return signals.exit_code


def _keep(output: Output, screen: Screen, signals: StopSignals) -> None:
    if partial := signals.call(output.abandon):
        screen.say(f"allclient: what was finished is in {partial}; --resume goes on from there")


def _write_all(
    stream: Stream, output: Output, tally: Tally, screen: Screen, signals: StopSignals
) -> None:
    said_by_row = isinstance(output, TerminalTable)
    with stream:
        for outcome in stream:
            row = row_of(outcome)
            signals.call(output.write, row)
            tally.count(row)
            screen.advance()
            if row.error is not None and not said_by_row:
                code, message = row.error
                screen.say(printable(f"allclient: {row.file}: {code}: {message}"))
            if ReviewReason.FIRST_PAGE_ONLY.value in (row.review or ()):
                screen.say(
                    printable(f"allclient: {row.file}: several pages; only the first was read")
                )


def _check(options: Options) -> None:
    if options.resume and options.overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    if options.output is None and (options.resume or options.overwrite):
        raise click.UsageError("--resume and --overwrite need --output")
    if options.resume and _format_name(options) == "table":
        raise click.UsageError("a table cannot be resumed: use --format csv or jsonl")
    if options.null and "-" not in options.paths:
        raise click.UsageError("--null is about the list on standard input: name '-' as a PATH")
    check_server(options.server, options.model_repository, options.flavour, options.connection())


def _format_name(options: Options) -> str:
    if options.form is not None:
        return options.form
    suffix = options.output.suffix.lower() if options.output else ""
    return SUFFIXES.get(suffix, "table")


def _search(options: Options, skipped: Skipped) -> Iterator[str]:
    listed = sys.stdin.buffer if "-" in options.paths else None
    return expand(
        options.paths,
        recursive=options.recursive,
        listed=listed,
        null=options.null,
        skipped=skipped,
    )


def _count(options: Options, output: Output) -> int | None:
    """How many images there are to do; None when only the list on standard input knows."""
    if "-" in options.paths:
        return None
    files = expand(options.paths, recursive=options.recursive)
    return sum(not output.is_done(file) for file in files)


def _nothing_found(paths: Sequence[str], skipped: Skipped) -> str:
    where = ", ".join(printable(path) for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
    endings = ", ".join(sorted(IMAGE_SUFFIXES | DICOM_SUFFIXES))
    said = skipped.sentence() or f"images end in {endings}; other files are taken when named"
    return f"allclient: no image found in {where} ({said})"


def _open_output(options: Options, screen: Screen) -> Output:
    name = _format_name(options)
    form = _FORMATS[name]()
    if options.output is None or str(options.output) == "-":
        if name == "table" and screen.interactive and sys.stdout.isatty():
            return TerminalTable(screen)
        return StreamOutput(sys.stdout.buffer, form)
    with opening(options.output):
        if options.output.exists() and not options.output.is_file():
            return StreamOutput(RowFile(options.output, "wb"), form)  # a named pipe, /dev/null
    return FileOutput(options.output, form, resume=options.resume, overwrite=options.overwrite)


def _start_server(options: Options, stack: ExitStack, screen: Screen) -> LocalServer | None:
    """The embedded server, which ends with ``stack``; None where --server names another."""
    if options.server:
        return None
    from allclient.local import LocalServer, sharedmemory

    if screen.interactive:
        screen.say("starting a server here (--server uses one that runs) ...")
    server = stack.enter_context(
        LocalServer(
            model_repository=options.model_repository,
            flavour=options.flavour,
            model=options.model,
            notify=lambda text: screen.say(printable(f"allclient: {text}")),
        )
    )
    if shortage := sharedmemory.shortage():
        screen.say(f"allclient: {shortage}")
    return server


def _client(options: Options, server: LocalServer | None) -> Client:
    client = make_client(
        server.grpc_address if server is not None else str(options.server),
        options.connection(),
        timeout=options.timeout,
        retry_for=options.retry_for,
        model=options.model,
        local=server is not None,
    )
    if server is None:
        try:
            _require_model(client)
        except BaseException:
            client.close()
            raise
    return client


def _require_model(client: Client) -> None:
    """Fail before the first image when no image can be classified."""
    health = client.health()
    if not health.ok:
        problem = "; ".join(health.problems) or f"{health.model} is not ready"
        raise ModelNotReadyError(f"the server at {health.address} cannot classify: {problem}")
