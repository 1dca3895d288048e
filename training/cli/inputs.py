"""Defines the command ``python -m training inputs``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import BACKBONES, clear_errors
from training.cli._options import data_option


@click.command()
@data_option
@click.option("--backbone", type=click.Choice(BACKBONES), default=BACKBONES[0], show_default=True)
@click.option(
    "--weights",
    required=True,
    metavar="imagenet|PATH",
    help="What its early layers start from, as of fit.",
)
@click.option(
    "--ridge",
    type=float,
    default=1 / 30,
    show_default=True,
    help="What the head adds to the variances within classes.",
)
def inputs(root: Path, backbone: str, weights: str, ridge: float) -> None:
    """Compare what a backbone could be shown: colour, stain normalised, density, leukocytes alone.

    One linear head a picture, on fields alone; scored on new fields of known slides and on slides
    left out one by one.

    \b
    Example:
      python -m training inputs --data all-smears --weights mobilenet.weights.h5
    """
    from training.fit.release import inputs as pictures
    from training.fit.release.recipe import RECIPES

    with clear_errors():
        own = RECIPES[backbone].changed(ridge=ridge)
        for name, by_protocol in pictures.compare(root, backbone, own, weights):
            figures = (
                f"{protocol}: four classes {scores['accuracy']:.3f}, benign/malignant balanced "
                f"{scores['binary_balanced_accuracy']:.3f}"
                for protocol, scores in by_protocol.items()
            )
            click.echo(f"{name:<26}  {'   '.join(figures)}")
