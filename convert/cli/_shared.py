"""What the commands share: types of options, and errors without a traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

MASTER = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """A wrong file, folder or option is told in one sentence, without a traceback."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
