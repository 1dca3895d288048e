"""Training itself, on a tiny network and noise images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from allclient.contract import Backbone
from training.augment.config import PLAIN
from training.fit import checkpoint
from training.fit.batches import PART, WHOLE, Images
from training.fit.whole import choice, epochs
from training.fit.whole.average import Average
from training.fit.whole.recipe import Stage, WholeRecipe
from training.fit.whole.validation import validate
from training.models import backbones

RECIPE = WholeRecipe((Stage(16, 2, 1e-2, PART), Stage(24, 2, 1e-3, WHOLE)), batch=8, augment=PLAIN)
EVERYTHING = RECIPE.changed(ema=0.9, mixstyle=0.5, mixup=0.2, consistency=0.5, dro=0.1, dropout=0.3)
ONCE = dataclasses.replace(RECIPE, stages=(Stage(16, 1, 1e-2, PART),))
TWICE = dataclasses.replace(RECIPE, stages=(Stage(16, 2, 1e-2, PART),))


class KilledError(Exception):
    pass


def killed(row: dict) -> None:
    raise KilledError


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The process ends when the training comes to its ``step``-th step from now."""
    original, left = epochs._Training._step, [step]

    def count_down(self, *given):
        left[0] -= 1
        if left[0] == 0:
            raise KilledError
        return original(self, *given)

    monkeypatch.setattr(epochs._Training, "_step", count_down)


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_training_killed_again_and_again_equals_an_unbroken_one(
    train: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, history = train(tmp_path / "whole", EVERYTHING)
    often = epochs.Habits(checkpoint_seconds=0)
    broken = tmp_path / "broken"
    for step in (1, 2, 3):  # before anything, in the middle of epochs, after the last step of one
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            with pytest.raises(KilledError):
                train(broken, EVERYTHING, habits=often)
    with pytest.raises(KilledError):
        train(broken, EVERYTHING, report=killed)
    again, resumed = train(broken, EVERYTHING)
    assert_same(weights, again)
    assert [row["loss"] for row in resumed] == pytest.approx([row["loss"] for row in history], 1e-4)
    assert [row["side"] for row in resumed] == [16, 16, 24, 24]


def test_a_kill_while_the_checkpoint_is_written_is_harmless(
    train: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, _ = train(tmp_path / "whole", TWICE)
    broken = tmp_path / "broken"
    with pytest.raises(KilledError):
        train(broken, TWICE, report=killed)

    def torn(file, **arrays):
        file.write(b"PK half of a file")
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.np, "savez", torn)
        with pytest.raises(KilledError):
            train(broken, TWICE)
    assert (broken / "checkpoint.tmp.npz").is_file()
    assert_same(weights, train(broken, TWICE)[0])


def test_the_seed_decides_the_first_epoch(train: Callable, tmp_path: Path) -> None:
    losses = [
        train(tmp_path / str(run), ONCE, seed=seed)[1][0]["loss"]
        for run, seed in enumerate((3, 3, 4))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)


@pytest.mark.parametrize("ema", [0, 0.9])
def test_the_best_epoch_is_kept(
    train: Callable, images: Images, tmp_path: Path, ema: float
) -> None:
    recipe = RECIPE.changed(ema=ema)
    weights, history = train(tmp_path / "run", recipe)
    net = backbones.build(Backbone.MOBILENET, side=None, seed=3).served
    net.set_weights(weights)
    best = min(row["val_loss"] for row in choice.candidates(history, recipe))
    assert validate(net, images)["val_loss"] == pytest.approx(best, rel=1e-4)


def test_something_is_learned_with_everything_on(train: Callable, tmp_path: Path) -> None:
    # But for MixStyle and mixup: these classes differ by brightness, which those take for style.
    stages = (Stage(16, 9, 5e-2, PART),)
    recipe = EVERYTHING.changed(mixstyle=0.0, mixup=0.0, dropout=0.0, stages=stages)
    losses = [row["loss"] for row in train(tmp_path / "run", recipe)[1]]
    assert losses[-1] < 0.75 * losses[0]


def test_patience_ends_the_last_stage(images: Images, eagerly: None, tmp_path: Path) -> None:
    stages = (Stage(16, 1, 1e-2, PART), Stage(16, 9, 1e-9, PART))
    recipe = dataclasses.replace(RECIPE, stages=stages, patience=1)
    val = dataclasses.replace(images, samples=images.samples[::-1])
    (tmp_path / "run").mkdir()
    _, history = epochs.fit(
        Backbone.MOBILENET, recipe, images, val, tmp_path / "run", report=lambda row: None
    )
    losses = [row["val_loss"] for row in choice.candidates(history, recipe)]
    assert 8 < len(history) < 10
    assert len(losses) - 1 - int(np.argmin(losses)) == 1


def test_weights_are_chosen_late_when_the_learning_rate_has_come_down() -> None:
    history = [{"epoch": epoch, "val_loss": epoch / 10} for epoch in range(11)]
    recipe = dataclasses.replace(RECIPE, stages=(Stage(16, 4, 1, PART), Stage(24, 7, 1, WHOLE)))
    assert [row["epoch"] for row in choice.candidates(history, recipe)] == [8, 9, 10]
    assert choice.candidates(history[:8], recipe) == []


def test_a_checkpoint_of_another_training_is_refused(train: Callable, tmp_path: Path) -> None:
    train(tmp_path / "run", ONCE)
    with pytest.raises(checkpoint.CheckpointError, match="another options; give another --out"):
        train(tmp_path / "run", ONCE, options={"channels": 5})
    with pytest.raises(checkpoint.CheckpointError, match="another dropout, seed;"):
        train(tmp_path / "run", ONCE.changed(dropout=0.5), seed=4)


def test_a_loss_that_is_no_number_ends_the_training(train: Callable, tmp_path: Path) -> None:
    wild = dataclasses.replace(RECIPE, stages=(Stage(16, 3, 1e30, PART),))
    with pytest.raises(FloatingPointError, match="lower rate"):
        train(tmp_path / "run", wild)


def test_the_average_follows_weights_and_batch_statistics() -> None:
    net = backbones.build(Backbone.MOBILENET, side=40).served
    start = net.get_weights()
    average = Average(net, decay=0.5)
    net.set_weights([weight + 1 for weight in start])
    average.update(step=3)  # not a step that counts
    assert_same(average.values, start)
    average.update(step=400)
    assert_same(average.values, [weight + 1 - 0.5**4 for weight in start])
    with average.shown():
        assert_same(net.get_weights(), average.values)
    assert_same(net.get_weights(), [weight + 1 for weight in start])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ema": 1.0}, "ema is 1.0"),
        ({"balance": "slides"}, "'slides' is none of weights"),
        ({"mixstyle": 2.0}, "mixstyle is 2.0"),
        ({"batch": 0}, "batch is 0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_anything_runs(
    change: dict, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        RECIPE.changed(**change)
