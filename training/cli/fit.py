"""Defines the command ``python -m training fit``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from toolkit.commands import BACKBONES, NEW_FOLDER, clear_errors
from training.cli._options import PROTOCOLS, data_option


@click.command()
@click.option(
    "--backbone",
    required=True,
    metavar="NAME",
    help=f"{', '.join(BACKBONES)}, or a keras.applications model such as EfficientNetB0.",
)
@data_option
@click.option(
    "--protocol",
    "--way",
    "protocol",
    type=click.Choice(PROTOCOLS),
    default="known",
    show_default=True,
    help="Train for new fields of known slides, for a random split, or without a slide.",
)
@click.option(
    "--fold",
    default="",
    metavar="SLIDE",
    help="With --protocol slides: the slide left out; A+B leaves out two together.",
)
@click.option(
    "--runs",
    type=NEW_FOLDER,
    help="Train into RUNS/<protocol>/<fold>/<backbone>/.",
)
@click.option("--out", type=NEW_FOLDER, help="Train into this folder.")
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="SIDE:EPOCHS[:RATE]",
    help="Training views' side in pixels, epochs, learning rate; repeat for several stages. This "
    "and the settings from --batch on are for --learn all.",
)
@click.option(
    "--weights",
    default="none",
    show_default=True,
    metavar="none|imagenet|PATH",
    help="Start from nothing, from Keras's ImageNet weights (a download), from a .keras master, "
    "or from a .weights.h5 file of the bare keras.applications feature extractor.",
)
@click.option(
    "--learn",
    type=click.Choice(("head", "all")),
    help="Fit the head alone on features that stay as they start, or train the whole backbone in "
    "stages. Default: the backbone's recipe, which is head for the voters and all for others.",
)
@click.option(
    "--tap",
    "taps",
    multiple=True,
    metavar="LAYER",
    help="Layer whose maps describe the cells; repeat for several. What follows is left out.",
)
@click.option("--views", type=int, help="Head: random views of a field beside the field itself.")
@click.option("--ridge", type=float, help="Head: what is added to the variances within classes.")
@click.option("--dtype", help="Keras dtype policy, for example mixed_bfloat16.")
@click.option("--batch", type=int, help="Fields of a step.")
@click.option("--patience", type=int, help="Stop after so many epochs without a better val loss.")
@click.option(
    "--balance",
    type=click.Choice(("weights", "class", "slide", "none")),
    help="Make up for rare classes by loss weights, or draw classes or slides equally often.",
)
@click.option("--ema", type=float, metavar="DECAY", help="Keep a running average of weights.")
@click.option("--mixstyle", type=float, metavar="SHARE", help="Share of steps with MixStyle.")
@click.option("--mixup", type=float, metavar="ALPHA", help="Blend views of two fields.")
@click.option("--consistency", type=float, metavar="WEIGHT", help="Equal answers to two stains.")
@click.option("--dro", type=float, metavar="STEP", help="Group DRO over slides.")
@click.option("--dropout", type=float)
@click.option("--label-smoothing", type=float)
@click.option("--weight-decay", type=float)
@click.option(
    "--augment",
    "augments",
    multiple=True,
    metavar="NAME=VALUE",
    help="How far views go from their fields, for example hue_degrees=40; repeat for several.",
)
@click.option("--workers", default=1, show_default=True, help="Threads that draw views.")
@click.option("--checkpoint-minutes", default=5.0, show_default=True)
def fit(
    backbone: str,
    root: Path,
    protocol: str,
    fold: str,
    runs: Path | None,
    out: Path | None,
    seed: int,
    stages: tuple[str, ...],
    weights: str,
    learn: str | None,
    augments: tuple[str, ...],
    workers: int,
    checkpoint_minutes: float,
    **changes: Any,
) -> None:
    """Train one backbone on one fold; the same command again goes on where it was stopped.

    What each setting does and its default stand in training/fit/release/recipe.py,
    training/fit/whole/recipe.py and training/augment/config.py. Watch a backbone that is trained as
    a whole with: tensorboard --logdir RUNS

    \b
    Examples:
      python -m training fit --backbone mobilenet --data all-smears --runs runs \\
          --weights imagenet --protocol slides --fold Benign-S01
      python -m training fit --backbone xception --data all-smears --runs whole \\
          --learn all --stage 112:12 --stage 224:2 --ema 0.998 --balance slide
    """
    if (runs is None) == (out is None):
        raise click.UsageError("give either --runs or --out")
    from training.fit import recipes, run
    from training.fit.whole.epochs import Habits

    with clear_errors(FloatingPointError):
        if stages:
            changes["stages"] = parsed(stages)
        changes["taps"] = changes["taps"] or None
        own = recipes.recipe(backbone, learn)
        recipe = recipes.changed(own, augment=_numbers(augments), **changes)
        order = run.Order(backbone, recipe, root, protocol, fold, seed, weights)
        into = out if runs is None else run.place(runs, protocol, order.named().name, backbone)
        assert into is not None
        run.train(order, into, habits=Habits(workers, 60 * checkpoint_minutes))


def parsed(stages: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the stages of a training, SIDE:EPOCHS[:RATE] each."""
    from training.fit.whole.recipe import Stage

    try:
        return tuple(Stage.parse(text) for text in stages)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--stage") from error


def _numbers(augments: tuple[str, ...]) -> dict[str, float]:
    from training.augment.config import AugmentConfig

    names = {
        e.name for e in dataclasses.fields(AugmentConfig) if isinstance(e.default, int | float)
    }
    numbers = {}
    for text in augments:
        name, _, value = text.partition("=")
        if name not in names:
            known = ", ".join(sorted(names))
            raise click.BadParameter(f"{name!r} is none of {known}", param_hint="--augment")
        try:
            numbers[name] = float(value)
        except ValueError as error:
            raise click.BadParameter(
                f"{text!r} is not NAME=NUMBER", param_hint="--augment"
            ) from error
    return numbers
