"""Runs ``allclient classify`` once: images found, a server, results written, a summary."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from allclient import heap
from allclient.cli import codes, settings
from allclient.cli.apart import apart
from allclient.cli.extras import Extras, StoppedError
from allclient.cli.loading import load
from allclient.cli.options import ConnectionOptions, check_server, make_client
from allclient.cli.outputs import Output, format_name, open_output
from allclient.cli.screen import Screen, TerminalTable
from allclient.cli.signals import StopSignals
from allclient.cli.tally import NOTICE, Tally
from allclient.cli.wanted import Wanted
from allclient.contract import DICOM_SUFFIXES, IMAGE_SUFFIXES, ReviewReason
from allclient.dicom import slide_files
from allclient.errors import AllclientError, ModelNotReadyError, OutputError
from allclient.report import FileOutput, row_of
from allclient.report.formats import printable
from allclient.sources import Skipped, expand

if TYPE_CHECKING:
    from allclient.client import Client
    from allclient.local import LocalServer
    from allclient.result import Outcome


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
    um_per_pixel: float | None
    cells: str | None
    annotate: Path | None
    case_by: str | None
    cases: Path | None
    report: Path | None
    trace_to: str | None = None

    @property
    def wanted(self) -> Wanted:
        """What is asked for beside rows."""
        return Wanted(self.cells, self.annotate, self.case_by, self.cases, self.report)

    def connection(self) -> ConnectionOptions:
        """The options of the connection to a server that was named."""
        return ConnectionOptions(
            tls=self.tls,
            tls_ca=self.tls_ca,
            tls_cert=self.tls_cert,
            tls_key=self.tls_key,
            token_file=self.token_file,
        )


def run(options: Options) -> int:
    """Classify; return the exit code.

    Raises:
        AllclientError: the run could not even begin.
    """
    _check(options)
    heap.limit()
    with Screen() as screen, StopSignals() as signals:
        work = _Run(options, screen, signals)
        return work.run()


class _Run:
    """One run: what it goes through, in order."""

    def __init__(self, options: Options, screen: Screen, signals: StopSignals) -> None:
        self._options = options
        self._screen = screen
        self._signals = signals
        self._skipped = Skipped()
        self._tally = Tally()
        self._settings = settings.of_run(options) if options.report is not None else []
        self._output: Output
        self._extras: Extras | None = None

    def run(self) -> int:
        options, signals = self._options, self._signals
        files = _search(options, self._skipped)
        first = signals.call(next, files, None)
        if first is None:
            click.echo(_nothing_found(options.paths, self._skipped), err=True)
            return codes.USAGE
        self._output = signals.call(
            open_output,
            options.form,
            options.output,
            self._screen,
            resume=options.resume,
            overwrite=options.overwrite,
        )
        is_done = self._output.is_done
        todo = (file for file in chain([first], files) if not is_done(file))
        failure: AllclientError | None = None
        try:
            first_todo = signals.call(next, todo, None)
            self._extras = signals.call(self._open_extras, first_todo is not None)
            if first_todo is not None:
                self._classify(chain([first_todo], todo))
        except AllclientError as error:
            failure = error
        except BaseException:
            self._keep()
            raise
        self._screen.stop()
        if failure is not None and not self._tally.begun:
            self._keep()
            raise failure
        return self._close(failure)

    def _open_extras(self, anything_to_do: bool) -> Extras | None:
        options = self._options
        if not options.wanted or not (anything_to_do or options.wanted.unfinished):
            return None
        output = self._output
        done = output if options.resume and isinstance(output, FileOutput) else None
        return Extras(
            options.wanted,
            options.paths,
            output=options.output,
            overwrite=options.overwrite,
            done=done,
        )

    def _classify(self, files: Iterator[str]) -> None:
        options, screen, signals = self._options, self._screen, self._signals
        with ExitStack() as stack:
            server = _start_server(options, stack, screen)
            client = stack.enter_context(_client(options, server))
            if options.report is not None:
                self._settings += settings.of_server(client, server)
            self._tally.begin()
            screen.start(lambda: _count(options, self._output))
            stream = client.classify_many(
                files,
                ordered=not options.unordered,
                in_flight=options.in_flight,
                cells=bool(options.wanted),
                um_per_pixel=options.um_per_pixel,
            )
            signals.watch(stream)
            if server is not None:
                server.when_lost(stream.stop)
            with stream:
                for outcome in stream:
                    self._take(outcome)

    def _take(self, outcome: Outcome) -> None:
        screen, row = self._screen, row_of(outcome)
        if self._extras is not None:  # before the row, which tells a later run that all is done
            for problem in self._signals.call(self._extras.take, outcome):
                screen.say(printable(problem))
        self._signals.call(self._output.write, row)
        self._tally.count(row)
        screen.advance()
        if row.error is not None and not isinstance(self._output, TerminalTable):
            code, message = row.error
            screen.say(printable(f"allclient: {row.file}: {code}: {message}"))
        if ReviewReason.FIRST_PAGE_ONLY.value in (row.review or ()):
            screen.say(printable(f"allclient: {row.file}: several pages; only the first was read"))

    def _close(self, failure: AllclientError | None) -> int:
        """Say how it went, and finish the output or keep it for later; the exit code."""
        screen, signals, tally = self._screen, self._signals, self._tally
        if failure is None and signals.received is None:
            try:
                self._finish()
            except StoppedError:
                pass  # signals.received says so
            except OutputError as error:
                failure = error
        complete = failure is None and signals.received is None
        if skipped_sentence := self._skipped.sentence():
            screen.say(skipped_sentence)
        if complete and self._extras is not None and (table := self._extras.table()):
            screen.say(table)
        before = self._output.resumed if isinstance(self._output, FileOutput) else 0
        screen.say(tally.sentence(before=before))
        screen.say(NOTICE)
        if complete:
            missing = self._extras is not None and self._extras.failed
            return codes.SOME_FAILED if tally.failed or missing else codes.CLASSIFIED
        if failure is None:
            screen.say("allclient: stopped before the end")
        try:
            self._keep()
        except OutputError as error:
            failure = failure or error
        if failure is not None:
            raise failure
        return signals.exit_code

    def _finish(self) -> None:
        """Make everything permanent under its name, the rows last."""
        extras, signals = self._extras, self._signals
        if extras is not None:
            if self._screen.interactive and self._options.report is not None:
                self._screen.say("writing the report ...")
            signals.call(extras.finish, self._settings, self._check_stopped)
        signals.call(self._output.finish)
        if extras is not None:
            signals.call(extras.end)

    def _check_stopped(self) -> None:
        if self._signals.received is not None:
            raise StoppedError

    def _keep(self) -> None:
        kept = [self._signals.call(self._output.abandon)]
        if self._extras is not None:
            resumable = isinstance(self._output, FileOutput)
            kept.append(self._signals.call(self._extras.abandon, resumable=resumable))
        if places := " and ".join(place for place in kept if place):
            self._screen.say(
                f"allclient: what was finished is in {places}; --resume goes on from there"
            )


def _check(options: Options) -> None:
    if options.resume and options.overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    if options.output is None and options.resume:
        raise click.UsageError("--resume needs --output")
    if options.output is None and options.overwrite and not options.wanted:
        raise click.UsageError("--overwrite needs --output, or another file to write")
    if options.resume and format_name(options.form, options.output) == "table":
        raise click.UsageError("a table cannot be resumed: use --format csv or jsonl")
    if options.null and "-" not in options.paths:
        raise click.UsageError("--null is about the list on standard input: name '-' as a PATH")
    if options.um_per_pixel is not None and math.isnan(options.um_per_pixel):
        raise click.UsageError("--um-per-pixel is no number")
    options.wanted.check()
    check_server(options.server, options.model_repository, options.flavour, options.connection())


def _search(options: Options, skipped: Skipped) -> Iterator[str]:
    listed = sys.stdin.buffer if "-" in options.paths else None
    files = expand(
        options.paths,
        recursive=options.recursive,
        listed=listed,
        null=options.null,
        skipped=skipped,
    )
    outputs = [] if options.output is None else [options.output]
    files = apart(files, [*outputs, *options.wanted.files])
    return slide_files.with_fields(files, skipped.pass_slide_part)


def _count(options: Options, output: Output) -> int | None:
    """Return how many images there are to do.

    None when only the list on standard input knows, or when whole slides are among them.
    """
    if "-" in options.paths:
        return None
    count = 0
    for file in expand(options.paths, recursive=options.recursive):
        if slide_files.is_slide(file):
            return None
        count += not output.is_done(file)
    return count


def _nothing_found(paths: Sequence[str], skipped: Skipped) -> str:
    where = ", ".join(printable(path) for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
    endings = ", ".join(sorted(IMAGE_SUFFIXES | DICOM_SUFFIXES))
    explanation = skipped.sentence() or f"images end in {endings}; other files are taken when named"
    return f"allclient: no image found in {where} ({explanation})"


def _start_server(options: Options, stack: ExitStack, screen: Screen) -> LocalServer | None:
    """Start the embedded server, which ends with ``stack``; None if --server names another."""
    if options.server:
        return None
    load("allclient.client")
    from allclient.local import LocalServer, sharedmemory

    if screen.interactive:
        screen.say("starting a server here (--server uses one that runs) ...")
    server = stack.enter_context(
        LocalServer(
            model_repository=options.model_repository,
            flavour=options.flavour,
            model=options.model,
            trace_to=options.trace_to,
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
            _require_model(client, cells=bool(options.wanted))
        except BaseException:
            client.close()
            raise
    return client


def _require_model(client: Client, *, cells: bool) -> None:
    """Fail before the first image when no image can be classified."""
    health = client.health()
    if not health.ok:
        problem = "; ".join(health.problems) or f"{health.model} is not ready"
        raise ModelNotReadyError(f"the server at {health.address} cannot classify: {problem}")
    if cells and not health.cells:
        raise ModelNotReadyError(
            f"the server at {health.address} gives no cells: its models are of version 0.2 or "
            "older; leave out --cells, --annotate, --case-by, --cases and --report, or serve the "
            "models of this version"
        )
