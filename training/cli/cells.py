"""``python -m training cells``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import NEW_FOLDER, clear_errors
from training.cli._options import laboratory_options


@click.command()
@laboratory_options
@click.option(
    "--out",
    type=NEW_FOLDER,
    default=Path("build/laboratories/cells"),
    show_default=True,
    help="Where the cells are kept; what is there already is not cut again.",
)
def cells(folders: tuple[Path, ...], healthy: tuple[Path, ...], out: Path) -> None:
    """Cut every leukocyte of several laboratories out at one scale, and keep them on disk.

    The same command again goes on where it was stopped. Nothing is written into the folders of
    images.

    \b
    Example:
      python -m training cells --data all-smears --data other-labs --healthy healthy-other-labs
    """
    from rich.console import Console
    from rich.table import Table

    from training.laboratories import cutting
    from training.laboratories import folders as read

    with clear_errors():
        pictures = read.pictures(folders, healthy)
        with click.progressbar(length=len(pictures), label="pictures") as bar:
            crops = cutting.every(pictures, out, lambda done, _: bar.update(done - bar.pos))
    table = Table("source", "laboratory", "pictures", "cells", "use")
    for source in sorted({picture.source for picture in pictures}):
        members = [picture for picture in pictures if picture.source == source]
        table.add_row(
            source,
            members[0].laboratory,
            str(len(members)),
            str(int((crops.source == source).sum())),
            "evaluate only" if members[0].evaluate_only else "train",
        )
    Console().print(table)
