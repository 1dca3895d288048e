"""Teaches the early layers of a backbone to see what the early layers of others see.

This is for a backbone whose trained weights cannot be had. Its maps have to give the teachers' maps
for views of the training fields, through one linear layer for every teacher that is thrown away
afterwards (Romero and others, arXiv 1412.6550). No label is used, so nothing of the answer, and
nothing of which field is of which slide, is learned.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from training.augment.config import PLAIN, AugmentConfig
from training.fit import checkpoint
from training.fit.batches import PART, Cut, Drawing, Images, Source
from training.fit.checkpoint import Progress
from training.models import backbones

PLACES = replace(PLAIN, stretch=AugmentConfig().stretch, on_nuclei=AugmentConfig().on_nuclei)
"""Views differ in what they show and how it lies; colours are gone from rendered fields."""

SAMPLED = 16
"""Batches from which the teachers' channels are standardised."""


@dataclass(frozen=True)
class Teacher:
    """A backbone whose maps the student learns to give."""

    backbone: str
    weights: str
    """A ``.weights.h5`` file of its features."""
    taps: tuple[str, ...]
    """Layers whose maps the student has to give."""

    def maps(self) -> keras.Model:
        """Return the maps float32 [n, h, w, channels] of PIXELS uint8 [n, side, side, 3]."""
        return backbones.trunk(self.backbone, self.taps, weights=self.weights)[0]


@dataclass(frozen=True)
class DistilConfig:
    """What the student follows beside the images."""

    epochs: int = 12
    rate: float = 2e-3
    side: int = 112
    batch: int = 32
    seed: int = 0


def teach(
    student: str,
    tap: str,
    teachers: Sequence[Teacher],
    train: Images,
    file: Path,
    config: DistilConfig,
    *,
    report: Any = print,
) -> tuple[keras.Model, list[dict[str, Any]]]:
    """Teach the feature extractor of ``student`` up to ``tap``; return it, and one row per epoch.

    The state after every epoch lies in ``file``; where it exists, training goes on from there.

    Raises:
        CheckpointError: ``file`` is of other settings.
    """
    keras.utils.set_random_seed(config.seed)
    cut = Cut(config.side, PART)
    drawing = Drawing(batch=config.batch, balance="slide", augment=PLACES)
    settings = {
        "student": student,
        "tap": tap,
        "teachers": [asdict(teacher) for teacher in teachers],
        "distillation": asdict(config),
        "images": train.digest(),
    }
    source = Source(train, drawing, config.seed)
    seen = [teacher.maps() for teacher in teachers]
    with contextlib.closing(source.epoch(cut, 0)) as batches:
        targets = _Targets(seen, [batch.pixels for batch in itertools.islice(batches, SAMPLED)])
    maps, features = backbones.trunk(student, [tap])
    student_net = _with_readers(maps, targets.shapes)
    schedule = keras.optimizers.schedules.CosineDecay(
        config.rate / 20,
        source.steps * config.epochs,
        alpha=0.01,
        warmup_target=config.rate,
        warmup_steps=source.steps // 2,
    )
    student_net.compile(
        keras.optimizers.AdamW(schedule, weight_decay=1e-3), "mse", jit_compile=False
    )
    progress = Progress(settings)
    if file.is_file():
        progress = checkpoint.progress(file, settings)
        checkpoint.restore_model(file, student_net)
        checkpoint.restore_optimizer(file, student_net)
    for epoch in range(len(progress.history), config.epochs):
        losses = []
        with contextlib.closing(source.epoch(cut, epoch)) as batches:
            for batch in batches:
                losses.append(student_net.train_on_batch(batch.pixels, targets.of(batch.pixels)))
        # Of the last tenth of the epoch: mean squared error in units of a channel's variance.
        loss = float(np.mean(losses[-max(1, len(losses) // 10) :]))
        progress.history.append({"epoch": epoch, "loss": loss})
        checkpoint.save(file, student_net, progress)
        report(progress.history[-1])
    return features, progress.history


class _Targets:
    """Maps of all teachers, every channel with mean 0 and variance 1 over the training views."""

    def __init__(
        self, teachers: Sequence[keras.Model], sampled: Sequence[npt.NDArray[np.uint8]]
    ) -> None:
        self._teachers = teachers
        shown = [self._maps(pixels) for pixels in sampled]
        every = [np.concatenate(maps) for maps in zip(*shown, strict=True)]
        self._means = [maps.mean((0, 1, 2)) for maps in every]
        self._scales = [1 / np.maximum(maps.std((0, 1, 2)), 1e-3) for maps in every]
        self.shapes = [maps.shape[1:] for maps in every]

    def of(self, pixels: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        by_teacher = zip(self._maps(pixels), self._means, self._scales, strict=True)
        return [(maps - mean) * scale for maps, mean, scale in by_teacher]

    def _maps(self, pixels: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        return [
            maps
            for each in self._teachers
            for maps in keras.tree.flatten(each.predict_on_batch(pixels))
        ]


def _with_readers(maps: keras.Model, shapes: Sequence[tuple[int, ...]]) -> keras.Model:
    """Return ``maps`` with one linear layer for every teacher, of its maps' size [h, w]."""
    outputs = []
    for height, width, channels in shapes:
        resize = keras.layers.Resizing(height, width, interpolation="bilinear", antialias=True)
        outputs.append(keras.layers.Conv2D(channels, 1, dtype="float32")(resize(maps.outputs[0])))
    return keras.Model(maps.input, outputs)
