"""Defines the command ``python -m training tune``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import BACKBONES, NEW_FOLDER, clear_errors
from training.cli._options import PROTOCOLS, data_option


@click.command()
@click.option(
    "--backbone",
    default="mobilenet",
    show_default=True,
    metavar="NAME",
    help=f"{', '.join(BACKBONES)}, or a keras.applications model.",
)
@data_option
@click.option(
    "--protocol",
    "--way",
    "protocol",
    type=click.Choice(PROTOCOLS),
    default="known",
    show_default=True,
)
@click.option(
    "--fold", default="", metavar="SLIDE", help="With --protocol slides: what is left out."
)
@click.option(
    "--runs",
    type=NEW_FOLDER,
    default=Path("runs"),
    show_default=True,
    help="The study lies in RUNS/tune/<name>/.",
)
@click.option("--name", default="", help="Of the study. Default: backbone, protocol, fold.")
@click.option(
    "--objective",
    type=click.Choice(("val_loss", "val_balanced_accuracy")),
    default="val_loss",
    show_default=True,
)
@click.option(
    "--factor",
    "texts",
    multiple=True,
    metavar="NAME=VALUES",
    help="What is varied: LOW:HIGH, LOW:HIGH:log or A,B,C; one value fixes a setting. Repeat for "
    "several. Names as in training/fit/whole/recipe.py and training/fit/release/recipe.py, rate, "
    "and augment.NAME.",
)
@click.option("--trials", type=click.IntRange(min=1), default=20, show_default=True)
@click.option(
    "--learn",
    type=click.Choice(("head", "all")),
    help="Fit heads alone, or train whole backbones. Default: the backbone's recipe.",
)
@click.option(
    "--weights", default="none", show_default=True, metavar="none|imagenet|PATH", help="As of fit."
)
@click.option("--epochs", type=click.IntRange(min=1), help="With --learn all; default 6.")
@click.option("--side", type=click.IntRange(min=8), help="With --learn all; default 112 pixels.")
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True)
def tune(
    backbone: str,
    root: Path,
    protocol: str,
    fold: str,
    runs: Path,
    name: str,
    objective: str,
    texts: tuple[str, ...],
    trials: int,
    learn: str | None,
    weights: str,
    epochs: int | None,
    side: int | None,
    seed: int,
    workers: int,
) -> None:
    """Search good settings on a fold; the same command again goes on where it was stopped.

    Trials are judged on the fold's validation part, never on its test part. On the public set that
    part holds known slides: what helps there need not help on a slide never seen.

    \b
    Examples:
      python -m training tune --data all-smears --weights imagenet --trials 30
      python -m training tune --data all-smears --learn all --factor rate=3e-4:3e-3:log \\
          --factor dropout=0.1,0.3,0.5 --factor mixstyle=0,0.25,0.5 --factor ema=0.998
    """
    from training.fit import recipes
    from training.fit.run import Order
    from training.fit.whole.epochs import Habits
    from training.fit.whole.recipe import WholeRecipe
    from training.tune import factors, tuning

    with clear_errors(FloatingPointError):
        varied = tuple(factors.Factor.parse(text) for text in texts)
        recipe = recipes.recipe(backbone, learn)
        if isinstance(recipe, WholeRecipe):
            recipe = factors.short(recipe, side or 112, epochs or 6)
        elif side or epochs:
            raise click.UsageError("--side and --epochs are for whole backbones: --learn all")
        order = Order(backbone, recipe, root, protocol, fold, seed, weights)
        plan = tuning.Plan(objective, trials, varied)
        tuning.tune(order, plan, runs, name=name, habits=Habits(workers))
