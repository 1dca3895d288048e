"""One training from the folder of images to the master and its record."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from allclient.contract import SIDE, Backbone
from training import answers, dataset, fit, masters, metrics, serving
from training import calibrate as fitting
from training.recipes import Recipe


def train(
    backbone: Backbone, recipe: Recipe, root: Path, out: Path, *, seed: int, weights: str
) -> None:
    """Train ``backbone`` on part "train" of ``root``; write master and record into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    data = dataset.read(root)
    parts = {name: data.part(name) for name in ("train", "val")}
    images = {
        name: fit.Images(dataset.decode(samples)[0], dataset.targets(samples))
        for name, samples in parts.items()
    }
    click.echo(f"{backbone.value}: {len(parts['train'])} training, {len(parts['val'])} validation")
    best, history = fit.fit(
        backbone,
        recipe,
        images["train"],
        images["val"],
        out,
        seed=seed,
        weights=weights,
        report=_show,
    )
    net = masters.save(out / f"{backbone.value}.keras", backbone, best)
    logits = fit.logits(net, images["val"].pixels)
    scored = metrics.scores(images["val"].targets, logits.argmax(1))
    chosen = min(fit.candidates(history, recipe), key=lambda row: row["val_loss"])
    record = masters.record(
        backbone=backbone.value,
        data={
            "name": root.name,
            "source": "Acute Lymphoblastic Leukemia (ALL) image dataset, Kaggle, 2021",
            "split": "split.csv (whole groups; every slide is in training)",
            "dropped_guard_images": data.dropped,
            **{
                name: {
                    "images": len(samples),
                    "classes": dataset.counts(samples),
                    "sha256": dataset.digest(samples, root),
                }
                for name, samples in parts.items()
            },
        },
        seed=seed,
        starting_weights=weights if weights in ("none", "imagenet") else _origin(Path(weights)),
        resolution=SIDE,
        recipe=dataclasses.asdict(recipe),
        history=history,
        chosen_epoch=chosen["epoch"],
        scores={"val": {**scored, "nll": metrics.nll(logits, images["val"].targets)}},
    )
    masters.write_record(out / f"{backbone.value}.json", record)
    click.echo(f"{backbone.value}: val accuracy {scored['accuracy']:.4f}, in {out}")


def calibrate(root: Path, places: Sequence[Path], out: Path) -> None:
    """Fit the policy with the three masters on part "val" of ``root`` and write it to ``out``."""
    files = answers.find(places)
    data = dataset.read(root)
    train, val = data.part("train"), data.part("val")
    pixels, quality = dataset.decode(val)
    known = np.concatenate([dataset.decode(train)[1], quality])
    logits = np.stack([fit.logits(masters.load(file), pixels) for file in files])
    fitted_on = masters.record(
        data=root.name,
        part="val",
        images=len(val),
        sha256=dataset.digest(val, root),
        masters={file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    )
    policy = fitting.policy(logits, dataset.targets(val), known, quality, fitted_on)
    serving.majority().Policy.from_dict(policy)
    masters.write_record(out, policy)


def _origin(master: Path) -> dict[str, Any]:
    """Hash of the master that a training began with, and how that one was trained."""
    found: dict[str, Any] = {"sha256": hashlib.sha256(master.read_bytes()).hexdigest()}
    beside = master.with_suffix(".json")
    if beside.is_file():
        earlier = json.loads(beside.read_text(encoding="utf-8"))
        keep = ("seed", "starting_weights", "recipe", "chosen_epoch", "scores", "git_commit")
        found |= {key: earlier[key] for key in keep if key in earlier}
    return found


def _show(row: dict[str, Any]) -> None:
    values = (f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
    click.echo("  ".join(values))
