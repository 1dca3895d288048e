"""Defines the command ``python -m training release``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import FILE, FOLDER, NEW_FOLDER, clear_errors
from training.cli._options import data_option
from training.release.options import PHASES, Options


@click.command()
@data_option
@click.option("--out", type=NEW_FOLDER, required=True, help="Folder for everything that is made.")
@click.option(
    "--start",
    type=FOLDER,
    default=Path("training/masters"),
    show_default=True,
    help="Folder of <backbone>.keras or <backbone>.weights.h5, whose early layers are kept.",
)
@click.option(
    "--patients",
    type=FILE,
    help="CSV with the columns path (relative to DATA) and patient, and slide if known: no patient "
    "then stands in two parts. Not beside a split.csv.",
)
@click.option(
    "--level",
    type=click.Choice(("patient", "group", "image")),
    help="As of python -m training split.",
)
@click.option("--views", type=click.IntRange(min=0), help="As of python -m training fit.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--min-images",
    type=click.IntRange(min=3),
    default=10,
    show_default=True,
    help="The fewest readable images that each class needs.",
)
@click.option(
    "--proof",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Test images that the new repository classifies.",
)
@click.option(
    "--from", "redo", type=click.Choice(PHASES), help="Run this step and all after it again."
)
def release(
    root: Path,
    out: Path,
    start: Path,
    patients: Path | None,
    level: str | None,
    views: int | None,
    seed: int,
    min_images: int,
    proof: int,
    redo: str | None,
) -> None:
    """Make a model repository of your own images: split, fit, convert, evaluate, serve, report.

    The same command again goes on where it was stopped. A step runs again when an option or a file
    that it reads has changed. The heads of the three backbones are fitted and their other layers
    kept, as for the released models; python -m training fit --learn all trains whole backbones.

    \b
    Example:
      python -m samples dataset --out drawn
      python -m training release --data drawn --patients drawn/patients.csv --out build/release
      allclient serve --model-repository build/release/models
    """
    from training.release.conduct import release as conduct

    options = Options(root, out, start, patients, level, seed, views, min_images, proof)
    with clear_errors():
        conduct(options, click.echo, redo=redo)
    click.echo(f"\nreport:            {out / 'report' / 'report.html'}")
    click.echo(f"model card:        {out / 'masters' / 'MODEL_CARD.md'}")
    click.echo(f"the server's say:  {options.answers}")
    click.echo(f"serve the models:  allclient serve --model-repository {out / 'models'}")
