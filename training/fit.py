"""Trains one backbone in stages of growing resolution; killed at any moment, it goes on.

Every random draw is keyed on the seed and the epoch, so a resumed run equals an unbroken one.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from allclient.contract import SUBTYPES, Backbone
from training import augment, backbones, checkpoint, metrics
from training.recipes import Recipe, Stage

CHECKPOINT = "checkpoint.npz"


@dataclass(frozen=True)
class Images:
    """Decoded fields uint8 [n, 224, 224, 3] and their class indexes int64 [n]."""

    pixels: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)


def fit(
    backbone: Backbone,
    recipe: Recipe,
    train: Images,
    val: Images,
    out: Path,
    *,
    seed: int = 0,
    weights: str = "none",
    options: dict[str, float] | None = None,
    report: Callable[[dict[str, Any]], None] = print,
) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    """Train; returns the best weights and one row of history per epoch.

    The state after every epoch lies in ``out``; where it holds a checkpoint, the training goes on
    from there. The best weights are those of the lowest validation loss on whole fields among
    the epochs that may be chosen (see ``candidates``).
    """
    keras.utils.set_random_seed(seed)
    file = out / CHECKPOINT
    resumed = file.is_file()
    nets = backbones.build(
        backbone,
        side=None,
        weights="none" if resumed else weights,
        dropout=recipe.dropout,
        seed=seed,
        dtype=recipe.dtype,
        **(options or {}),
    )
    net = nets.trained
    best = checkpoint.restore_model(file, net) if resumed else net.get_weights()
    history = checkpoint.progress(file) if resumed else []
    plan = [(number, s) for number, s in enumerate(recipe.stages) for _ in range(s.epochs)]
    for epoch in range(len(history), len(plan)):
        number, stage = plan[epoch]
        if _stale(candidates(history, recipe), recipe.patience):
            break
        begins = epoch == 0 or plan[epoch - 1][0] != number
        if begins or not net.compiled:
            _compile(net, recipe, stage, _steps(train, recipe))
            if not begins:
                checkpoint.restore_optimizer(file, net)
        row = _epoch(net, train, recipe, stage, seed, epoch)
        row = {"epoch": epoch, "stage": number, "side": stage.side, **row, **validate(net, val)}
        if all(row["val_loss"] < each["val_loss"] for each in candidates(history, recipe)):
            best = net.get_weights()
        history.append(row)
        checkpoint.save(file, net, best, history)
        report(row)
    return best, history


def _compile(net: keras.Model, recipe: Recipe, stage: Stage, steps: int) -> None:
    total = steps * stage.epochs
    warmup = max(1, min(steps, total // 10))
    schedule = keras.optimizers.schedules.CosineDecay(
        stage.rate / 20, total - warmup, 0.01, warmup_target=stage.rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.label_smoothing
    )
    net.compile(optimizer, loss, jit_compile=False)


def _epoch(
    net: keras.Model, train: Images, recipe: Recipe, stage: Stage, seed: int, epoch: int
) -> dict[str, float]:
    started = time.monotonic()
    net.reset_metrics()
    loss = math.nan
    for pixels, targets, weights in _ahead(batches(train, recipe, stage, seed, epoch)):
        loss = float(net.train_on_batch(pixels, targets, sample_weight=weights))
        if not math.isfinite(loss):
            raise FloatingPointError(f"the training loss is {loss} in epoch {epoch}")
    return {"loss": loss, "seconds": round(time.monotonic() - started, 1)}


Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.float32]]


def batches(train: Images, recipe: Recipe, stage: Stage, seed: int, epoch: int) -> Iterator[Batch]:
    """Views uint8 [b, side, side, 3], one-hot targets [b, 4] and class weights [b] of one epoch.

    The order and every view follow from ``seed`` and ``epoch`` alone. A last, smaller batch is
    left out; the next epoch is in another order.
    """
    strength = dataclasses.replace(recipe.strength, zoom=stage.zoom)
    order = np.random.default_rng([seed, epoch]).permutation(len(train))
    counts = np.bincount(train.targets, minlength=len(SUBTYPES))
    weight = len(train) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    size = min(recipe.batch, len(train))
    for start in range(0, _steps(train, recipe) * size, size):
        chosen = order[start : start + size]
        views = [
            augment.view(
                train.pixels[i], stage.side, np.random.default_rng([seed, epoch, i]), strength
            )
            for i in chosen
        ]
        targets = train.targets[chosen]
        onehot = np.eye(len(SUBTYPES), dtype=np.float32)[targets]
        yield np.stack(views), onehot, weight[targets].astype(np.float32)


def _steps(train: Images, recipe: Recipe) -> int:
    return max(1, len(train) // recipe.batch)


def _ahead(source: Iterator[Batch], depth: int = 3) -> Iterator[Batch]:
    """Make the next batches in a second thread while the network works on this one."""
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[Batch | None]] = []
        while True:
            while len(waiting) < depth:
                waiting.append(pool.submit(next, source, None))
            batch = waiting.pop(0).result()
            if batch is None:
                return
            yield batch


def logits(net: keras.Model, pixels: npt.NDArray[np.uint8], batch: int = 32) -> np.ndarray:
    """Logits float32 [n, 4] of fields uint8 [n, side, side, 3]."""
    parts = []
    for start in range(0, len(pixels), batch):
        answer = net.predict_on_batch(pixels[start : start + batch])
        parts.append(answer["LOGITS"] if isinstance(answer, dict) else answer)
    return np.concatenate(parts).astype(np.float32)


def validate(net: keras.Model, val: Images) -> dict[str, float]:
    """Loss and scores on whole fields, whatever the side of the training views."""
    answers = logits(net, val.pixels)
    scored = metrics.scores(val.targets, answers.argmax(1))
    return {
        "val_loss": metrics.nll(answers, val.targets),
        "val_accuracy": scored["accuracy"],
        "val_balanced_accuracy": scored["balanced_accuracy"],
    }


def candidates(history: list[dict[str, Any]], recipe: Recipe) -> list[dict[str, Any]]:
    """The epochs whose weights may be kept: the last third of the last stage, at least one.

    Before, at a high learning rate, scores jump by several points from epoch to epoch, and a
    validation part of few groups rewards luck.
    """
    total = sum(stage.epochs for stage in recipe.stages)
    first = total - math.ceil(recipe.stages[-1].epochs / 3)
    return [row for row in history if row["epoch"] >= first]


def _stale(rows: list[dict[str, Any]], patience: int) -> bool:
    """Whether ``patience`` epochs have passed without a better validation loss."""
    if not patience or not rows:
        return False
    return len(rows) - 1 - int(np.argmin([row["val_loss"] for row in rows])) >= patience
