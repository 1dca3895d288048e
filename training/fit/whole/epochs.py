"""Trains one backbone in stages of growing resolution; killed at any moment, it goes on.

Every random draw is keyed on the seed, the epoch and the step, and the checkpoint holds all state,
so a resumed run equals an unbroken one. Nothing here belongs to one backend of Keras.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from allclient.contract import Backbone
from training.augment.random_view import Render
from training.fit import checkpoint
from training.fit.batches import Batch, Images, Source
from training.fit.checkpoint import Progress
from training.fit.whole import choice
from training.fit.whole.average import Average
from training.fit.whole.objective import LastLosses, Objective
from training.fit.whole.optimizer import adamw
from training.fit.whole.recipe import Stage, WholeRecipe
from training.fit.whole.robust import GroupWeights
from training.fit.whole.validation import validate
from training.models import backbones

CHECKPOINT = "checkpoint.npz"

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Habits:
    """How a training is run; none of it changes what comes out."""

    workers: int = 1
    """Threads that draw views."""
    checkpoint_seconds: float = 300.0
    """Between two checkpoints within an epoch; every epoch ends with one anyway."""


def fit(
    backbone: Backbone | str,
    recipe: WholeRecipe,
    train: Images,
    val: Images,
    out: Path,
    *,
    seed: int = 0,
    weights: str = "none",
    render: Render | None = None,
    options: dict[str, float] | None = None,
    habits: Habits | None = None,
    report: Report = print,
) -> tuple[list[npt.NDArray[Any]], list[dict[str, Any]]]:
    """Train; return the best weights of the served model and one row of history per epoch.

    The state lies in ``out``; where it holds a checkpoint, the training goes on from there. The
    best weights are those of the lowest validation loss on whole fields among the epochs that may
    be chosen (``choice.candidates``), averaged where the recipe says so.

    Args:
        train: fields in colour; ``render`` turns views into what the backbones see.
        val: whole fields as the backbones see them.
        weights: what to start from, see ``backbones.build``.
        options: for the Keras application.
        report: is given each new row of the history once it is safe in the checkpoint.

    Raises:
        CheckpointError: ``out`` holds a training with other settings.
        FloatingPointError: the loss is no longer finite.
    """
    settings = {
        "backbone": str(getattr(backbone, "value", backbone)),
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "weights": weights,
        "options": options or {},
        "images": [train.digest(), val.digest()],
    }
    training = _Training(settings, recipe, train, val, out / CHECKPOINT, habits or Habits())
    training.build(backbone, seed, weights, render, options or {})
    training.run(report)
    return training.best, training.progress.history


class _Training:
    """The state of one training; ``build`` makes or restores it, ``run`` takes it to its end."""

    def __init__(
        self,
        settings: dict[str, Any],
        recipe: WholeRecipe,
        train: Images,
        val: Images,
        file: Path,
        habits: Habits,
    ) -> None:
        self._recipe, self._train, self._val = recipe, train, val
        self._file, self._habits = file, habits
        self._resumed = file.is_file()
        self.progress = checkpoint.progress(file, settings) if self._resumed else Progress(settings)
        self.best: list[npt.NDArray[Any]] = []

    def build(
        self,
        backbone: Backbone | str,
        seed: int,
        weights: str,
        render: Render | None,
        options: dict[str, float],
    ) -> None:
        recipe = self._recipe
        keras.utils.set_random_seed(seed)
        models = backbones.build(
            backbone,
            side=None,
            weights="none" if self._resumed else weights,
            dropout=recipe.dropout,
            seed=seed,
            dtype=recipe.dtype,
            taps=recipe.taps,
            mix=recipe.mixstyle,
            **options,
        )
        self._model, self._served = models.trained, models.served
        self._source = Source(self._train, recipe.drawing, seed, render)
        if self._resumed:
            checkpoint.restore_model(self._file, self._model)
            self.best = checkpoint.arrays(self._file, "best")
        self._average = Average(self._served, recipe.ema) if recipe.ema else None
        if self._average and self._resumed:
            self._average.restore(checkpoint.arrays(self._file, "average"))
        self._robust: GroupWeights | None = None
        if recipe.dro:
            groups = len(self._source.slides)
            self._robust = GroupWeights(groups, recipe.dro, self.progress.shares)

    def run(self, report: Report) -> None:
        recipe, history = self._recipe, self.progress.history
        plan = [(number, s) for number, s in enumerate(recipe.stages) for _ in range(s.epochs)]
        for epoch in range(len(history), len(plan)):
            if choice.stale(history, recipe):
                break
            number, stage = plan[epoch]
            begins = epoch == 0 or plan[epoch - 1][0] != number
            if begins or not self._model.compiled:
                self._compile(stage)
                if self.progress.step or not begins:
                    checkpoint.restore_optimizer(self._file, self._model)
            self._steps(stage, epoch)
            self._close(epoch, number, stage)
            report(history[-1])

    def _compile(self, stage: Stage) -> None:
        recipe = self._recipe
        optimizer = adamw(recipe, stage, self._source.steps)
        loss = Objective(recipe.label_smoothing, recipe.consistency)
        watched = [LastLosses(self._source.views)] if recipe.dro else None
        self._model.compile(optimizer, loss, metrics=watched, jit_compile=False)

    def _steps(self, stage: Stage, epoch: int) -> None:
        """Yield the steps of an epoch that are still to be done."""
        progress = self.progress
        began = saved = time.monotonic()
        before = progress.seconds
        batches = self._source.epoch(stage.cut, epoch, progress.step, self._habits.workers)
        with contextlib.closing(batches):
            for batch in batches:
                progress.losses.append(self._step(batch, epoch))
                progress.step += 1
                now = time.monotonic()
                progress.seconds = before + now - began
                if self._average:
                    self._average.update(epoch * self._source.steps + progress.step)
                if now - saved >= self._habits.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()

    def _step(self, batch: Batch, epoch: int) -> float:
        weights = batch.weights
        if self._robust:
            weights = self._robust.weights(batch.slides)
        self._model.reset_metrics()
        logs = self._model.train_on_batch(
            batch.pixels, batch.targets, sample_weight=weights, return_dict=True
        )
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the training loss is {loss} in epoch {epoch}; try a lower rate in --stage"
            )
        if self._robust:
            self._robust.learn(batch.slides, keras.ops.convert_to_numpy(logs["losses"]))
        return loss

    def _close(self, epoch: int, number: int, stage: Stage) -> None:
        """Validate, keep the weights if they are the best, save."""
        progress, history = self.progress, self.progress.history
        with self._average.shown() if self._average else contextlib.nullcontext():
            row = {
                "epoch": epoch,
                "stage": number,
                "side": stage.side,
                "loss": float(np.mean(progress.losses)),
                "seconds": round(progress.seconds, 1),
                **validate(self._served, self._val),
            }
            history.append(row)
            may = choice.candidates(history, self._recipe)
            if may and choice.chosen(history, self._recipe) is row:
                self.best = self._served.get_weights()
        progress.step, progress.losses, progress.seconds = 0, [], 0.0
        self._save()

    def _save(self) -> None:
        if self._robust:
            self.progress.shares = self._robust.shares.tolist()
        average = self._average.values if self._average else ()
        checkpoint.save(self._file, self._model, self.progress, best=self.best, average=average)
