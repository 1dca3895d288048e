"""``python -m convert savedmodel``."""

from __future__ import annotations

from pathlib import Path

import click

from convert.cli._shared import FOLDER, MASTER, clear_errors


@click.command()
@click.argument("master", type=MASTER)
@click.option("--out", type=FOLDER, required=True, help="Folder of the SavedModel to write.")
def savedmodel(master: Path, out: Path) -> None:
    """Write MASTER as a TensorFlow SavedModel."""
    from convert import master as masters

    with clear_errors():
        masters.export(masters.load(master), out)
    click.echo(f"{out} written")
