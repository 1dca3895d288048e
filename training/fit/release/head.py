"""Fits the head of a backbone whose other layers stay as they start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import keras
import numpy.typing as npt

from training.data.samples import Sample
from training.fit.release import discriminant
from training.fit.release.features import Features
from training.fit.release.recipe import HeadRecipe
from training.models import backbones

FOLDER = "features"
"""Where the runs of all folds keep the features that they share, in RUNS."""


class HeadError(ValueError):
    """There is nothing that a head alone could be fitted on."""


def check(backbone: str, weights: str) -> None:
    """Check that the head is not fitted on layers that stay random.

    Raises:
        HeadError: it would be.
    """
    if weights == "none":
        raise HeadError(
            f"only the head of {backbone} is fitted, and the layers before it would stay "
            "random: give --weights imagenet or PATH, or train the whole backbone with --learn all"
        )


def fit(
    backbone: str,
    recipe: HeadRecipe,
    train: Sequence[Sample],
    features: Path,
    *,
    seed: int,
    weights: str,
) -> list[npt.NDArray[Any]]:
    """Return the weights of the served model with the head fitted and all else as it started.

    ``features`` is the folder where the features of fields and views are kept.

    Raises:
        HeadError, WeightsError, BackboneError, FeaturesError, DatasetError: what was asked for
            cannot be had.
    """
    check(backbone, weights)
    keras.utils.set_random_seed(seed)
    models = backbones.build(
        backbone, weights=weights, seed=seed, dtype=recipe.dtype, taps=recipe.taps
    )
    head = models.served.get_layer("head")
    with click.progressbar(length=len(train), label=f"features of {len(train)} fields") as bar:

        def report(done: int, _total: int) -> None:
            bar.update(done - bar.pos)

        source = Features(backbones.extractor(models), recipe, seed, features, report)
        features_of_views = source.of(train)
    head.set_weights(discriminant.fit(features_of_views, train, recipe.ridge))
    fitted: list[npt.NDArray[Any]] = models.served.get_weights()
    return fitted
