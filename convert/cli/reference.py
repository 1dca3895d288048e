"""Defines the command ``python -m convert reference``."""

from __future__ import annotations

from pathlib import Path

import click

from convert.cli._options import MASTERS
from toolkit.commands import FILE, NEW_FOLDER, clear_errors


@click.command()
@click.option("--mobilenet", type=FILE, default=MASTERS / "mobilenet.keras", show_default=True)
@click.option("--xception", type=FILE, default=MASTERS / "xception.keras", show_default=True)
@click.option(
    "--inception-v3", type=FILE, default=MASTERS / "inception_v3.keras", show_default=True
)
@click.option("--out", type=NEW_FOLDER, default=Path("tests/reference"), show_default=True)
@click.option("--images", default=12, show_default=True, help="How many drawn images.")
def reference(out: Path, images: int, **masters: Path) -> None:
    """Write drawn images and what the masters say about them, for the parity tests."""
    from convert.parity import reference as golden

    with clear_errors():
        golden.write(masters, out, images)
    click.echo(f"{out / golden.ANSWERS} written")
