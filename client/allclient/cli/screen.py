"""Shows what people see while images are classified: progress, notes and, on a terminal, rows.

Progress and notes go to standard error. In a pipe there is no bar, no colour and no cursor code.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

import click

from allclient.report import TABLE_WIDTH, Row, Table

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_NAME_ROOM = 24


class Screen:
    """Standard error, with a progress bar when it is a terminal."""

    def __init__(self) -> None:
        self.interactive = sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def start(self, count: Callable[[], int | None]) -> None:
        """Show the bar; ``count`` finds the total meanwhile, in another thread."""
        if not self.interactive:
            return
        progress = _progress_bar()
        self._task = task = progress.add_task("classifying", total=None)
        try:
            progress.start()
        except RuntimeError:  # no thread is left for it: no bar then
            with contextlib.suppress(RuntimeError):
                progress.stop()
            return
        self._progress = progress

        def find_total() -> None:
            progress.update(task, total=count())

        with contextlib.suppress(RuntimeError):  # no thread is left: no total then
            threading.Thread(target=find_total, daemon=True).start()

    def advance(self, images: int = 1) -> None:
        """Move the bar by so many images."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, images)

    def say(self, text: str) -> None:
        """Print a line on standard error, above the bar if there is one."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)

    def row(self, text: str, style: str) -> None:
        """Print a row of the table, when standard output and error are the same terminal."""
        if self._progress is not None:
            self._progress.console.print(
                text, style=style, markup=False, highlight=False, soft_wrap=True
            )

    def stop(self) -> None:
        """Take the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class TerminalTable:
    """The table on a terminal: in colour, above the bar, compact in a narrow window."""

    def __init__(self, screen: Screen) -> None:
        narrow = shutil.get_terminal_size().columns < TABLE_WIDTH + _NAME_ROOM
        self._table = Table(compact=narrow)
        self._screen = screen
        self._begun = False
        self.compact = narrow

    def write(self, row: Row) -> None:
        """Print one row, after the head if it is the first."""
        if not self._begun:
            self._begun = True
            self._screen.row(self._table.head().decode().rstrip("\n"), "bold")
        self._screen.row(self._table.text(row), _style(row))

    def finish(self) -> None:
        """Say in a narrow window where the rest is."""
        if self.compact:
            self._screen.say(
                "(narrow window: --format csv or jsonl also has all probabilities and votes)"
            )

    def abandon(self) -> str | None:
        """Return None: a terminal keeps nothing."""
        return None

    def is_done(self, file: str) -> bool:
        """Return False: there was no earlier run."""
        return False


def _style(row: Row) -> str:
    if row.error is not None:
        return "bold red"
    if row.review:
        return "yellow"
    return "red" if row.label == "malignant" else "green"


def _progress_bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f} images/s" if task.speed else "")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
