"""Command line of ``python -m training``. Heavy imports wait until a command needs them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

BACKBONES = ("mobilenet", "xception", "inception_v3")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
data_option = click.option(
    "--data",
    "root",
    type=FOLDER,
    required=True,
    help="Folder of the Kaggle set: Benign, Early, Pre, Pro, and a split.csv if there is one.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train, score and calibrate the three backbones."""


@main.command()
@click.option("--backbone", type=click.Choice(BACKBONES), required=True)
@data_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="SIDE:EPOCHS[:RATE]",
    help="Training views' side in pixels, epochs, learning rate; repeat for several stages. "
    "Default: the backbone's recipe.",
)
@click.option(
    "--weights",
    default="none",
    show_default=True,
    metavar="none|imagenet|PATH",
    help="Start from nothing, from Keras's ImageNet weights (a download), or from a .keras file.",
)
@click.option("--dtype", help="Keras dtype policy, for example mixed_bfloat16.")
@click.option("--patience", type=int, help="Stop after so many epochs without a better val loss.")
def fit(
    backbone: str,
    root: Path,
    out: Path,
    seed: int,
    stages: tuple[str, ...],
    weights: str,
    dtype: str | None,
    patience: int | None,
) -> None:
    """Train one backbone into OUT; the same command again goes on where it was stopped.

    \b
    Example:
      python -m training fit --backbone mobilenet --data all-smears --out runs/mobilenet
    """
    from allclient.contract import Backbone

    from training import run
    from training.recipes import RECIPES, Stage

    changes: dict[str, Any] = {"dtype": dtype, "patience": patience}
    if stages:
        try:
            changes["stages"] = tuple(Stage.parse(text) for text in stages)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--stage") from error
    recipe = dataclasses.replace(
        RECIPES[Backbone(backbone)], **{k: v for k, v in changes.items() if v is not None}
    )
    with _clear_errors():
        run.train(Backbone(backbone), recipe, root, out, seed=seed, weights=weights)


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    """A wrong folder, file or option is told in one sentence, without a traceback."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
