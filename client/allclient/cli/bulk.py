"""Runs ``allclient classify --engine ray``: a plan, a cluster, tables in a folder, a summary."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allclient import watching
from allclient.cli import codes
from allclient.cli.options import ConnectionOptions, check_server, secrets_of
from allclient.cli.screen import Screen
from allclient.cli.signals import StopSignals
from allclient.cli.tally import NOTICE, Tally
from allclient.dicom import slide_files
from allclient.errors import ConfigurationError
from allclient.report.formats import printable
from allclient.sources import Skipped

if TYPE_CHECKING:
    from allclient.bulk.asking import Asking
    from allclient.bulk.plan import Left, Plan

_TELL_EVERY: Final = 30.0
"""Seconds between two lines of progress where standard error is no terminal."""

_COUNTED: Final = ("files", "malignant", "benign", "review", "failed")

_PLAIN_ONLY: Final = ("form", "unordered", "cells", "annotate", "cases", "report")


def run(options: Mapping[str, Any]) -> int:
    """Classify; return the exit code.

    Raises:
        AllclientError: the run ended before its end; ``--resume`` goes on.
    """
    _check(options)
    from allclient import bulk

    bulk.require()
    # Ray says on standard output what it has to say, such as that a machine was lost.
    with contextlib.redirect_stdout(sys.stderr), Screen() as screen, StopSignals():
        return _Run(options, screen).run()


class _Run:
    def __init__(self, options: Mapping[str, Any], screen: Screen) -> None:
        from allclient.bulk.places import Place, is_url
        from allclient.bulk.plan import Plan

        self._options = options
        self._screen = screen
        output = str(options["output"])
        self._plan = Plan(Place(output if is_url(output) else str(Path(output).absolute())))
        self._skipped = Skipped()
        self._tally = Tally()
        self._told = time.monotonic()

    def run(self) -> int:
        screen, plan = self._screen, self._plan
        asking = self._asking()
        self._prepare(plan)
        if not plan.count:
            plan.clear()
            where = self._skipped.sentence() or "the list is empty"
            click.echo(f"allclient: no image found ({where})", err=True)
            return codes.USAGE
        left = plan.left()
        screen.say(
            f"{plan.count:,} file{'s' if plan.count > 1 else ''} in {plan.parts:,} "
            f"part{'s' if plan.parts > 1 else ''}; {len(left.parts):,} to do"
        )
        try:
            self._classify(plan, left, asking)
            screen.stop()
            self._write_cases(plan)
        finally:
            screen.stop()
            if sentence := self._skipped.sentence():
                screen.say(sentence)
            screen.say(self._tally.sentence(before=left.classified))
            screen.say(NOTICE)
            if sys.exc_info()[0] is not None:
                screen.say(
                    f"allclient: what was finished is in {printable(plan.place.url)}; "
                    "--resume goes on from there"
                )
        if self._tally.failed:
            screen.say("why a file failed stands in the column error; --resume tries it again")
        screen.say(f"answers in {printable(plan.place.at('fields'))}")
        return codes.SOME_FAILED if self._tally.failed else codes.CLASSIFIED

    def _asking(self) -> Asking:
        from allclient.bulk.asking import Asking

        options = self._options
        repository = options["model_repository"]
        secrets = secrets_of(_connection(options), local=not options["server"])
        return Asking(
            folder=str(Path.cwd()),
            server=options["server"] or None,
            model=options["model"],
            in_flight=options["in_flight"],
            timeout=options["timeout"],
            retry_for=options["retry_for"],
            um_per_pixel=options["um_per_pixel"],
            cells=not options["no_cells"],
            model_repository=None if repository is None else str(Path(repository).absolute()),
            flavour=options["flavour"],
            **secrets,
        )

    def _prepare(self, plan: Plan) -> None:
        from allclient.bulk.listing import find

        options = self._options
        begun = plan.exists()
        if begun and not (options["resume"] or options["overwrite"]):
            raise ConfigurationError(
                f"{plan.place.url} holds a run: --resume goes on with it, --overwrite starts anew"
            )
        asked = {
            "paths": [os.fsencode(path).decode("utf-8", "replace") for path in options["paths"]],
            "recursive": options["recursive"],
            "model": options["model"],
            "um_per_pixel": options["um_per_pixel"],
            "cells": not options["no_cells"],
            "case_by": options["case_by"] or "folder",
        }
        if begun and options["overwrite"]:
            plan.clear()
        elif plan.listed():
            plan.check(asked)
            return
        elif begun:
            raise ConfigurationError(
                f"{plan.place.url} holds answers without the list of their files (run.json): "
                "--overwrite starts anew"
            )
        files = find(
            options["paths"],
            recursive=options["recursive"],
            listed=sys.stdin.buffer if "-" in options["paths"] else None,
            null=options["null"],
            skipped=self._skipped,
        )
        fields = slide_files.with_fields(files, self._skipped.pass_slide_part)
        plan.make(fields, asked, options["part_size"])

    def _classify(self, plan: Plan, left: Left, asking: Asking) -> None:
        from allclient.bulk import engine

        todo = plan.count - left.classified

        def begun(workers: int) -> None:
            self._screen.say(f"{workers} worker{'s' if workers > 1 else ''}")
            self._tally.begin()
            self._told = time.monotonic()
            self._screen.start(lambda: todo)

        for part in engine.classify(
            plan,
            left,
            asking,
            address=self._options["address"],
            workers=self._options["workers"],
            begun=begun,
        ):
            self._tally.add(part)
            counts = {what: part[what] for what in _COUNTED}
            watching.part_done(counts, todo - self._tally.classified - self._tally.failed)
            self._screen.advance(part["files"])
            self._tell(todo)

    def _tell(self, todo: int) -> None:
        now = time.monotonic()
        if self._screen.interactive or now - self._told < _TELL_EVERY:
            return
        self._told = now
        self._screen.say(self._tally.progress(todo))

    def _write_cases(self, plan: Plan) -> None:
        from allclient.bulk import engine
        from allclient.cases import CaseBy

        count = engine.write_cases(plan, CaseBy(self._options["case_by"] or "folder"))
        self._screen.say(f"{count:,} case{'s' if count != 1 else ''}")


def _check(options: Mapping[str, Any]) -> None:
    if named := [name for name in _PLAIN_ONLY if options[name]]:
        option = "format" if named[0] == "form" else named[0]
        raise click.UsageError(
            f"--{option} is not for --engine ray, which writes Parquet: fields with their cells, "
            "and cases"
        )
    if options["output"] is None:
        raise click.UsageError("--engine ray needs --output, a folder or an fsspec URL")
    if options["resume"] and options["overwrite"]:
        raise click.UsageError("--resume and --overwrite exclude each other")
    check_server(
        options["server"], options["model_repository"], options["flavour"], _connection(options)
    )
    if options["case_by"] is not None:
        from allclient.cases import CaseBy

        try:
            CaseBy(options["case_by"])
        except ConfigurationError as error:
            raise click.UsageError(f"--case-by: {error}") from error


def _connection(options: Mapping[str, Any]) -> ConnectionOptions:
    return ConnectionOptions(
        tls=options["tls"],
        tls_ca=options["tls_ca"],
        tls_cert=options["tls_cert"],
        tls_key=options["tls_key"],
        token_file=options["token_file"],
    )
