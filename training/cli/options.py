"""What the commands share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

BACKBONES = ("mobilenet", "xception", "inception_v3")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
data_option = click.option(
    "--data",
    "root",
    type=FOLDER,
    required=True,
    help="Folder of the images: the Kaggle set (Benign, Early, Pre, Pro), C-NMC 2019 (fold_0, "
    "...) or folders named after our classes; with a split.csv if there is one.",
)


@contextlib.contextmanager
def clear_errors(*also: type[Exception]) -> Iterator[None]:
    """A wrong folder, file or option is told in one sentence, without a traceback."""
    try:
        yield
    except (OSError, ValueError, *also) as error:
        raise click.ClickException(str(error)) from error
