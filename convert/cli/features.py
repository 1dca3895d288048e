"""Defines the command ``python -m convert features``."""

from __future__ import annotations

from pathlib import Path

import click

from convert.cli._options import BUILD, MASTERS, watch
from toolkit.commands import FILE, FOLDER, NEW_FOLDER, clear_errors


@click.command()
@click.argument("master", type=FILE, default=MASTERS / "mobilenet.keras")
@click.option("--data", type=FOLDER, required=True, help="Image folder with its split.csv.")
@click.option(
    "--images",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="Training images to fit to.",
)
@click.option(
    "--out", type=NEW_FOLDER, default=BUILD / "features", show_default=True, help="Where it goes."
)
@click.option("--install", is_flag=True, help="Write into model_repository/cells/1 instead.")
def features(master: Path, data: Path, images: int, out: Path, install: bool) -> None:
    """Write the network that says how cells look, for "similar" in the web page.

    It is the beginning of MobileNet with a projection that is fitted to cells of the training part.
    Cells are compared across releases, so do this once: after it is made anew, stored features
    cannot be compared with new ones.

    \b
    Example:
      python -m convert features --data all-smears
    """
    from toolkit import served

    folder = served.MODEL_REPOSITORY / "cells" / "1" if install else out
    with clear_errors():
        from convert.onnx import make_features

        told = make_features.make(master, folder, data, images, watch("decoding training images"))
        click.echo(f"{folder / make_features.FILE} written: {told}")
