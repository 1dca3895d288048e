"""Runs a study of one backbone on one fold, from the folder of images to its table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from training.data import samples as dataset
from training.fit import images
from training.fit.release import head
from training.fit.release.recipe import HeadRecipe
from training.fit.run import Order, origin
from training.fit.whole.epochs import Habits
from training.models import applications
from training.tune import factors, study
from training.tune.factors import Factor
from training.tune.trial import Bench

DESIGN = "tpe"
"""Optuna's tree-structured Parzen estimator, as the studies' folders and settings name it."""


@dataclass(frozen=True)
class Plan:
    """How a study goes about it."""

    objective: str
    trials: int
    """Trials in all, those of an earlier call included."""
    factors: Sequence[Factor] = ()
    """Empty for ``factors.defaults``."""


def tune(
    order: Order, plan: Plan, runs: Path, *, name: str = "", habits: Habits | None = None
) -> dict[str, Any]:
    """Run or go on with the study; return what its study.json says.

    Raises:
        StudyError, FactorError, DatasetError, BackboneError: what was asked for cannot be run.
    """
    applications.find(order.backbone)
    if isinstance(order.recipe, HeadRecipe):
        head.check(order.backbone, order.weights)
    fold = order.named()
    varied, fixed = factors.split(plan.factors or factors.defaults(order.recipe))
    recipe = factors.applied(order.recipe, fixed)
    settings = {
        "backbone": order.backbone,
        "way": order.protocol,
        "fold": fold.name,
        "sha256": {part: dataset.digest(fold.parts[part], order.root) for part in ("train", "val")},
        "seed": order.seed,
        "starting_weights": origin(order.weights),
        "design": DESIGN,
        "objective": plan.objective,
        "recipe": dataclasses.asdict(recipe),
        "factors": [dataclasses.asdict(each) for each in varied],
    }
    folder = runs / "tune" / (name or f"{order.backbone}-{order.protocol}-{fold.name}-{DESIGN}")
    click.echo(f"study in {folder}")
    samples = fold.parts["train"]
    bench = Bench(
        order.backbone,
        recipe,
        samples,
        None if isinstance(recipe, HeadRecipe) else images.in_colour(samples, nuclei=True),
        images.as_served(fold.parts["val"]),
        images.render(),
        plan.objective,
        habits or Habits(),
        order.weights,
        runs / head.FOLDER,
    )
    result = study.search(bench, varied, folder, settings, plan.trials)
    if result["best"]:
        click.echo("best: " + ", ".join(f"{k} {v}" for k, v in result["best"].items()))
    return result
