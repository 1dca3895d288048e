"""Loads starting weights from a file: a master of this project or a bare feature extractor."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np


class WeightsError(ValueError):
    """The starting weights cannot be had."""


def load(
    path: Path, served: keras.Model | None, features: keras.Model, whole: keras.Model | None = None
) -> None:
    """Put the weights of ``path`` into the model.

    Args:
        path: a ``.keras`` master (all of ``served``), or a weights file (``.weights.h5``, ``.h5``)
            of the keras.applications model without its top; the head then starts at random.
        served: None takes no master.
        features: the extractor of ``served``.
        whole: the application that ``features`` was cut from, if it was: the file may hold either.

    Raises:
        WeightsError: no such file, another kind of file, or another architecture.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file; --weights takes none, imagenet, a .keras master or a "
            ".weights.h5 file of the feature extractor"
        )
    try:
        if path.suffix == ".keras" and served is not None:
            served.set_weights(keras.saving.load_model(path, compile=False).get_weights())
        elif path.suffix == ".h5":
            _load_either(path, whole, features)
        else:
            kinds = "neither a .keras nor a" if served is not None else "no"
            raise WeightsError(f"{path} is {kinds} .weights.h5 file")
    except WeightsError:
        raise
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise WeightsError(f"{path} does not hold this architecture: {error}") from error


def _load_either(path: Path, whole: keras.Model | None, features: keras.Model) -> None:
    """Load the whole application first.

    Its file also has layers of the names of a shortened one, in another order, and would be taken
    for one.
    """
    if whole is None or whole is features:
        return _load_features(path, features)
    before = whole.get_weights()
    try:
        return _load_features(path, whole)
    except (ValueError, TypeError, KeyError):
        whole.set_weights(before)  # what was read in vain must not pass for what the file lacks
        return _load_features(path, features)


def _load_features(path: Path, features: keras.Model) -> None:
    """Load weights; raise where the file lacks some, as Keras only warns of that."""
    before = features.get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        features.load_weights(path)
    kept = [
        weight.path
        for weight, old in zip(features.weights, before, strict=True)
        if old.ndim >= 2 and np.array_equal(keras.ops.convert_to_numpy(weight), old)
    ]
    if kept:
        raise ValueError(f"it has nothing for {len(kept)} kernels, {kept[0]} for one")
