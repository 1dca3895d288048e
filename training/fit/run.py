"""Runs one training, from a fold of the images to the master and its record."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import keras
import numpy.typing as npt

from allclient.contract import SIDE
from training import record
from training.data import protocols
from training.data import samples as dataset
from training.fit import checkpoint, images
from training.fit.batches import Images
from training.fit.recipes import Recipe
from training.fit.release import head
from training.fit.release.recipe import HeadRecipe
from training.fit.whole import choice, epochs
from training.fit.whole.board import Board
from training.fit.whole.recipe import WholeRecipe
from training.metrics import classification
from training.models import applications, masters
from training.models.predict import logits as answer


class RunError(ValueError):
    """The training asked for cannot be run there."""


@dataclass(frozen=True)
class Order:
    """What is to be trained on what."""

    backbone: str
    recipe: Recipe
    root: Path
    """Folder of the images."""
    protocol: str = "known"
    fold: str = ""
    """Name of the protocol's fold; may be empty where the protocol has only one."""
    seed: int = 0
    weights: str = "none"

    def named(self) -> protocols.Fold:
        """Return the fold that is asked for.

        Raises:
            RunError: the protocol has no such fold, or several and none was named.
            DatasetError: the images cannot be split in this protocol.
        """
        if self.protocol == "slides" and self.fold:
            return protocols.folds(self.root, self.protocol, left_out=[self.fold])[0]
        folds = protocols.folds(self.root, self.protocol)
        names = ", ".join(each.name for each in folds)
        if self.fold:
            folds = [each for each in folds if each.name == self.fold]
        if len(folds) != 1:
            raise RunError(
                f"the protocol {self.protocol!r} has the folds {names}; name one by --fold"
            )
        return folds[0]


def place(runs: Path, protocol: str, fold: str, backbone: str) -> Path:
    """Return where the trainings of all protocols and folds lie side by side."""
    return runs / protocol / fold / backbone


def train(order: Order, out: Path, *, habits: epochs.Habits | None = None) -> None:
    """Train on part "train" of the fold; write master, record and TensorBoard files into ``out``.

    A training that is finished is left as it is; one that was stopped goes on.

    Raises:
        RunError, CheckpointError: ``out`` holds another training.
        HeadError, BackboneError, WeightsError, DatasetError: what was asked for is not there.
    """
    applications.find(order.backbone)
    if isinstance(order.recipe, HeadRecipe):
        head.check(order.backbone, order.weights)
    fold = order.named()
    settings = _settings(order, fold)
    name = order.backbone
    written = out / f"{name}.json"
    if written.is_file():
        _refuse_another(written, settings)
        click.echo(f"{name}: {out} holds this training already, finished")
        return
    out.mkdir(parents=True, exist_ok=True)
    parts = {part: fold.parts[part] for part in ("train", "val")}
    sizes = {part: len(samples) for part, samples in parts.items()}
    click.echo(
        f"{name}: {order.protocol} {fold.name}, {sizes['train']} to train, {sizes['val']} to val"
    )
    val = images.as_served(parts["val"])
    history: list[dict[str, Any]] = []
    chosen: int | None = None
    if isinstance(order.recipe, HeadRecipe):
        runs = out.parents[2] if out.parts[-3:-2] == (order.protocol,) else out
        best = head.fit(
            name,
            order.recipe,
            parts["train"],
            runs / head.FOLDER,
            seed=order.seed,
            weights=order.weights,
        )
    else:
        best, history = _fit_whole(order, order.recipe, parts["train"], val, out, habits)
        chosen = choice.chosen(history, order.recipe)["epoch"]
    model = masters.save(out / f"{name}.keras", name, best, taps=order.recipe.taps)
    logits = answer(model, val.pixels)
    scored = classification.scores(val.targets, logits.argmax(1))
    content = record.stamped(
        **settings,
        resolution=SIDE,
        parameters=model.count_params(),
        backend=keras.config.backend(),
        history=history,
        chosen_epoch=chosen,
        scores={"val": {**scored, "nll": classification.nll(logits, val.targets)}},
    )
    record.write(written, content)
    (out / epochs.CHECKPOINT).unlink(missing_ok=True)
    click.echo(f"{name}: val accuracy {scored['accuracy']:.4f}, in {out}")


def _fit_whole(
    order: Order,
    recipe: WholeRecipe,
    train: Sequence[dataset.Sample],
    val: Images,
    out: Path,
    habits: epochs.Habits | None,
) -> tuple[list[npt.NDArray[Any]], list[dict[str, Any]]]:
    """Return the best weights and the history of a backbone that is trained as a whole."""
    learned = images.in_colour(train, nuclei=recipe.augment.on_nuclei > 0)
    earlier = checkpoint.history(out / epochs.CHECKPOINT)
    with contextlib.closing(Board(out, earlier)) as board:

        def report(row: dict[str, Any]) -> None:
            board.add(row)
            _show(row)

        return epochs.fit(
            order.backbone,
            recipe,
            learned,
            val,
            out,
            seed=order.seed,
            weights=order.weights,
            render=images.render(),
            habits=habits,
            report=report,
        )


def _settings(order: Order, fold: protocols.Fold) -> dict[str, Any]:
    """Return what decides the outcome: the part of the record that is known before the training."""
    return {
        "backbone": order.backbone,
        "way": order.protocol,
        "fold": fold.name,
        "data": {
            "name": order.root.resolve().name,
            "kept_apart": fold.level,
            "parts": {
                name: {
                    "images": len(samples),
                    "classes": dataset.counts(samples),
                    "slides": sorted({sample.slide for sample in samples if sample.slide}),
                    "sha256": dataset.digest(samples, order.root),
                }
                for name, samples in fold.parts.items()
            },
        },
        "seed": order.seed,
        "starting_weights": origin(order.weights),
        "recipe": dataclasses.asdict(order.recipe),
    }


def _refuse_another(written: Path, settings: dict[str, Any]) -> None:
    earlier = json.loads(written.read_text(encoding="utf-8"))
    differ = checkpoint.differences({name: earlier.get(name, {}) for name in settings}, settings)
    if differ:
        raise RunError(
            f"{written} is of a training with another {', '.join(differ)}; give another --out "
            "or --runs, or move the folder away"
        )


def origin(weights: str) -> str | dict[str, Any]:
    """Return which file a training began with, by its hash, and how that one was trained."""
    path = Path(weights)
    if weights in ("none", "imagenet") or not path.is_file():
        return weights  # a missing file is told by whoever reads it
    return described(path)


def described(path: Path) -> dict[str, Any]:
    """Return a file of weights by its hash, and how a master was trained by its record."""
    content: dict[str, Any] = {
        "file": path.name,
        "kind": "master" if path.suffix == ".keras" else "feature extractor",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    beside = path.with_suffix(".json")
    if path.suffix == ".keras" and beside.is_file():
        earlier = json.loads(beside.read_text(encoding="utf-8"))
        keep = ("way", "fold", "seed", "starting_weights", "recipe", "chosen_epoch", "git_commit")
        content |= {key: earlier[key] for key in keep if key in earlier}
    return content


def _show(row: dict[str, Any]) -> None:
    values = (f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
    click.echo("  ".join(values))
