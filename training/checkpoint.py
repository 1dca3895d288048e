"""One file that a killed training goes on from: weights, optimizer, random states, progress.

Keras's own ``.keras`` checkpoint loses what is not part of its configuration (which variables are
kept from weight decay), so the variables are stored and put back into a model built anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np


class CheckpointError(ValueError):
    """The checkpoint is of another training."""


def save(path: Path, model: keras.Model, best: Sequence[np.ndarray], progress: Any) -> None:
    """Write atomically: a kill at any moment leaves the previous checkpoint whole."""
    arrays: dict[str, np.ndarray] = {"progress": np.array(json.dumps(progress))}
    for part, values in {
        "model": _own(model),
        "optimizer": model.optimizer.variables,
        "best": best,
    }.items():
        arrays |= {f"{part}.{i}": np.asarray(value) for i, value in enumerate(values)}
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)


def progress(path: Path) -> Any:
    with np.load(path) as stored:
        return json.loads(str(stored["progress"]))


def restore_model(path: Path, model: keras.Model) -> list[np.ndarray]:
    """Put back weights and random states; returns the best weights so far."""
    _assign(path, "model", _own(model))
    return _arrays(path, "best")


def restore_optimizer(path: Path, model: keras.Model) -> None:
    """Put back step count and moments into the optimizer of a compiled ``model``."""
    model.optimizer.build(model.trainable_variables)
    _assign(path, "optimizer", model.optimizer.variables)


def _own(model: keras.Model) -> list[Any]:
    """Weights and the state of every seed generator, without the metrics."""
    metrics = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in metrics]


def _arrays(path: Path, part: str) -> list[np.ndarray]:
    with np.load(path) as stored:
        count = sum(name.startswith(f"{part}.") for name in stored.files)
        return [stored[f"{part}.{index}"] for index in range(count)]


def _assign(path: Path, part: str, variables: Sequence[Any]) -> None:
    arrays = _arrays(path, part)
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise CheckpointError(f"{path} is of another backbone or recipe; give another --out")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
