"""Runs one trial: a training with given settings, and the figure it is judged by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from training.augment.random_view import Render
from training.data.samples import Sample
from training.fit import checkpoint
from training.fit.batches import Images
from training.fit.recipes import Recipe
from training.fit.release import head
from training.fit.release.recipe import HeadRecipe
from training.fit.whole import choice, epochs
from training.fit.whole.recipe import WholeRecipe
from training.fit.whole.validation import validate
from training.models import backbones
from training.tune import factors
from training.tune.factors import Value

OBJECTIVES = {"val_loss": False, "val_balanced_accuracy": True}
"""Columns of the history that a study can go by, and whether more of it is better."""


Row = dict[str, Any]
Report = Callable[[Row], None]


@dataclass(frozen=True)
class Bench:
    """What stays the same in all trials of a study."""

    backbone: str
    recipe: Recipe
    samples: Sequence[Sample]
    """Samples of the training part."""
    train: Images | None
    """The training part decoded; None where a head is fitted, which reads the files itself."""
    val: Images
    render: Render | None
    objective: str
    habits: epochs.Habits
    weights: str
    features: Path
    """Folder for features, where the head alone is fitted."""


def run(
    bench: Bench,
    values: Mapping[str, Value],
    folder: Path,
    *,
    seed: int,
    report: Report,
) -> float:
    """Train with ``values``; return the objective at the epoch whose weights would be kept.

    The training lies in a folder of its own below ``folder``, named by its settings: one that was
    killed goes on from its checkpoint, one that is finished is not run again.

    Args:
        report: is given each row of the history, those before a kill included; what it raises
            ends the training.
    """
    out = place(folder, values, seed)
    out.mkdir(parents=True, exist_ok=True)
    finished = out / "history.json"
    recipe = factors.applied(bench.recipe, values)
    if finished.is_file():
        history = json.loads(finished.read_text(encoding="utf-8"))
        for row in history:
            report(row)
    else:
        keras.utils.clear_session()
        if isinstance(recipe, HeadRecipe):
            history = _head(bench, recipe, seed, report)
        else:
            history = _whole(bench, recipe, out, seed, report)
        temporary = finished.with_suffix(".tmp")
        temporary.write_text(json.dumps(history, indent=2), encoding="utf-8")
        temporary.replace(finished)
        (out / epochs.CHECKPOINT).unlink(missing_ok=True)
    kept = history[-1] if isinstance(recipe, HeadRecipe) else choice.chosen(history, recipe)
    return float(kept[bench.objective])


def _whole(bench: Bench, recipe: WholeRecipe, out: Path, seed: int, report: Report) -> list[Row]:
    for row in checkpoint.history(out / epochs.CHECKPOINT):
        report(row)
    assert bench.train is not None
    _, history = epochs.fit(
        bench.backbone,
        recipe,
        bench.train,
        bench.val,
        out,
        seed=seed,
        weights=bench.weights,
        render=bench.render,
        habits=bench.habits,
        report=report,
    )
    return history


def _head(bench: Bench, recipe: HeadRecipe, seed: int, report: Report) -> list[Row]:
    weights = head.fit(
        bench.backbone,
        recipe,
        bench.samples,
        bench.features,
        seed=seed,
        weights=bench.weights,
    )
    served = backbones.build(bench.backbone, dtype=recipe.dtype, taps=recipe.taps).served
    served.set_weights(weights)
    row = {"epoch": 0, **validate(served, bench.val)}
    report(row)
    return [row]


def place(folder: Path, values: Mapping[str, Value], seed: int) -> Path:
    """Return where the training with these settings lies."""
    named = json.dumps([sorted(values.items()), seed])
    return folder / hashlib.sha256(named.encode()).hexdigest()[:12]


def forget(folder: Path, values: Mapping[str, Value], seed: int) -> None:
    """Drop the checkpoint of a training that is given up; it may be hundreds of megabytes."""
    (place(folder, values, seed) / epochs.CHECKPOINT).unlink(missing_ok=True)
