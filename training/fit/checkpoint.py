"""Stores all that a killed training goes on from: weights, optimizer, random states, progress.

Keras's own ``.keras`` checkpoint loses what is not part of its configuration (which variables are
kept from weight decay), so the variables are stored and put back into a model built anew.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

NO_ATTENTION = ("attention", "none")
"""A setting in older records; nothing was ever trained with another value of it."""


class CheckpointError(ValueError):
    """The checkpoint is of another training."""


@dataclass
class Progress:
    """How far a training has come."""

    settings: dict[str, Any]
    """What the training follows; a checkpoint of other settings is refused."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """One row per finished epoch."""
    step: int = 0
    """Steps done of the epoch under way."""
    losses: list[float] = field(default_factory=list)
    """Loss of each of those steps."""
    seconds: float = 0.0
    """Spent on those steps."""
    shares: list[float] | None = None
    """Shares of the slides in the loss (group DRO)."""


def save(
    path: Path,
    model: keras.Model,
    progress: Progress,
    *,
    best: Sequence[npt.NDArray[Any]] = (),
    average: Sequence[npt.NDArray[Any]] = (),
) -> None:
    """Write atomically: a kill at any moment leaves the previous checkpoint whole."""
    arrays: dict[str, Any] = {
        "progress": np.array(json.dumps(dataclasses.asdict(progress))),
    }
    for part, values in {
        "model": _own(model),
        "optimizer": model.optimizer.variables,
        "best": best,
        "average": average,
    }.items():
        arrays |= {
            f"{part}.{i}": np.asarray(keras.ops.convert_to_numpy(value))
            for i, value in enumerate(values)
        }
    temporary = path.with_suffix(".tmp.npz")
    with temporary.open("wb") as content:
        np.savez(content, **arrays)
        content.flush()
        os.fsync(content.fileno())
    temporary.replace(path)


def progress(path: Path, settings: dict[str, Any]) -> Progress:
    """Return how far the training of ``path`` has come.

    Raises:
        CheckpointError: the file is of a training with other settings; the message says which.
    """
    with np.load(path) as stored:
        stored_progress = Progress(**json.loads(str(stored["progress"])))
    differ = differences(stored_progress.settings, settings)
    if differ:
        raise CheckpointError(
            f"{path} is of a training with another {', '.join(differ)}; give another --out, or "
            "delete the file to start anew"
        )
    return stored_progress


def history(path: Path) -> list[dict[str, Any]]:
    """Return the rows of the epochs that the training of ``path`` has finished.

    There is none if there is no file.
    """
    if not path.is_file():
        return []
    with np.load(path) as stored:
        rows: list[dict[str, Any]] = json.loads(str(stored["progress"]))["history"]
        return rows


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the names of settings that differ, those of the recipe one by one, as in JSON."""
    one, other = (json.loads(json.dumps(_flat(each))) for each in (one, other))
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    recipe = _current(settings.get("recipe", {}))
    return {**{k: v for k, v in settings.items() if k != "recipe"}, **recipe}


def _current(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe as it is written today.

    Up to version 0.1 one recipe held the settings of a head and of a whole backbone, and the
    inverse of the ridge; the released masters' records are so. Channel attention is no longer a
    setting.
    """
    recipe = {name: value for name, value in recipe.items() if (name, value) != NO_ATTENTION}
    if "strength" not in recipe:
        return recipe
    rest = {name: value for name, value in recipe.items() if name not in ("head", "strength")}
    renamed = {**rest, "augment": recipe["strength"]}
    head = recipe.get("head")
    if head is None:
        return renamed
    kept = {name: renamed[name] for name in ("taps", "dtype", "augment")}
    return {**kept, "views": head["views"], "ridge": 1 / head["looseness"]}


def restore_model(path: Path, model: keras.Model) -> None:
    """Put back weights and random states."""
    _assign(path, "model", _own(model))


def restore_optimizer(path: Path, model: keras.Model) -> None:
    """Put back step count and moments into the optimizer of a compiled ``model``."""
    model.optimizer.build(model.trainable_variables)
    _assign(path, "optimizer", model.optimizer.variables)


def arrays(path: Path, part: str) -> list[npt.NDArray[Any]]:
    """Return the arrays of ``best`` or ``average``; none where there was nothing yet."""
    with np.load(path) as stored:
        count = sum(name.startswith(f"{part}.") for name in stored.files)
        return [stored[f"{part}.{index}"] for index in range(count)]


def _own(model: keras.Model) -> list[Any]:
    """Return the weights and the state of every seed generator, without the metrics."""
    metrics = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in metrics]


def _assign(path: Path, part: str, variables: Sequence[Any]) -> None:
    stored = arrays(path, part)
    if [array.shape for array in stored] != [tuple(variable.shape) for variable in variables]:
        raise CheckpointError(f"{path} is of another backbone or recipe; give another --out")
    for variable, array in zip(variables, stored, strict=True):
        variable.assign(array)
