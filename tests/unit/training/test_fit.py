"""Training itself, on a tiny network and noise images."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from allclient.contract import Backbone  # noqa: E402
from training import backbones, checkpoint, fit, masters  # noqa: E402
from training.recipes import PART, WHOLE, Recipe, Stage  # noqa: E402

RECIPE = Recipe((Stage(16, 2, 1e-2, PART), Stage(24, 2, 1e-3, WHOLE)), batch=8)


class KilledError(Exception):
    pass


def killed(row: dict) -> None:
    raise KilledError


def tiny(include_top, weights, input_shape, name, channels=4):
    """Stands in for a Keras application: convolutions and batch statistics, nothing else."""
    given = keras.Input(input_shape)
    maps = keras.layers.Conv2D(channels, 3, 2, padding="same", use_bias=False)(given)
    maps = keras.layers.ReLU()(keras.layers.BatchNormalization()(maps))
    return keras.Model(given, keras.layers.Conv2D(8, 3, 2, padding="same")(maps), name=name)


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backbones.APPLICATIONS, Backbone.MOBILENET, tiny)


@pytest.fixture
def images() -> fit.Images:
    """Noise of four brightnesses, one per class: something that can be learned."""
    targets = np.arange(24) % 4
    noise = np.random.default_rng(0).integers(0, 60, (24, 40, 40, 3))
    return fit.Images((noise + 60 * targets[:, None, None, None]).astype(np.uint8), targets)


def train(images: fit.Images, out: Path, recipe: Recipe = RECIPE, **options):
    out.mkdir(exist_ok=True)
    options = {"seed": 3, "report": lambda row: None, **options}
    return fit.fit(Backbone.MOBILENET, recipe, images, images, out, **options)


def test_a_training_killed_after_every_epoch_equals_an_unbroken_one(
    images: fit.Images, tmp_path: Path
) -> None:
    weights, history = train(images, tmp_path / "whole")
    for _ in history:
        with pytest.raises(KilledError):
            train(images, tmp_path / "broken", report=killed)
    again, resumed = train(images, tmp_path / "broken")
    for one, other in zip(weights, again, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert [row["loss"] for row in resumed] == pytest.approx([row["loss"] for row in history])
    assert [row["side"] for row in resumed] == [16, 16, 24, 24]


def test_the_seed_decides_the_first_epoch(images: fit.Images, tmp_path: Path) -> None:
    once = dataclasses.replace(RECIPE, stages=RECIPE.stages[:1])
    losses = [
        train(images, tmp_path / str(run), once, seed=seed)[1][0]["loss"]
        for run, seed in enumerate((3, 3, 4))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)


def test_the_best_epoch_is_kept(images: fit.Images, tmp_path: Path) -> None:
    weights, history = train(images, tmp_path / "run")
    net = backbones.build(Backbone.MOBILENET, side=None, seed=3).trained
    net.set_weights(weights)
    best = min(row["val_loss"] for row in fit.candidates(history, RECIPE))
    assert fit.validate(net, images)["val_loss"] == pytest.approx(best, rel=1e-4)


def test_patience_ends_the_last_stage(images: fit.Images, tmp_path: Path) -> None:
    stages = (Stage(16, 1, 1e-2, PART), Stage(16, 30, 0.0, PART))
    recipe = dataclasses.replace(RECIPE, stages=stages, patience=2)
    val = dataclasses.replace(images, targets=images.targets[::-1].copy())
    (tmp_path / "run").mkdir()
    _, history = fit.fit(
        Backbone.MOBILENET, recipe, images, val, tmp_path / "run", report=lambda row: None
    )
    losses = [row["val_loss"] for row in fit.candidates(history, recipe)]
    assert 21 < len(history) < 31
    assert len(losses) - 1 - int(np.argmin(losses)) == 2


def test_weights_are_chosen_late_when_the_learning_rate_has_come_down() -> None:
    history = [{"epoch": epoch, "val_loss": epoch / 10} for epoch in range(11)]
    recipe = dataclasses.replace(RECIPE, stages=(Stage(16, 4, 1, PART), Stage(24, 7, 1, WHOLE)))
    assert [row["epoch"] for row in fit.candidates(history, recipe)] == [8, 9, 10]
    assert fit.candidates(history[:8], recipe) == []


def test_a_checkpoint_of_another_network_is_refused(images: fit.Images, tmp_path: Path) -> None:
    train(images, tmp_path / "run")
    with pytest.raises(checkpoint.CheckpointError, match="give another --out"):
        train(images, tmp_path / "run", options={"channels": 5})


def test_rare_classes_weigh_more(images: fit.Images) -> None:
    images = dataclasses.replace(images, targets=np.array([0] * 18 + [1] * 6))
    weights = {}
    for _, onehot, weight in fit.batches(images, RECIPE, RECIPE.stages[0], 0, 0):
        weights |= dict(zip(onehot.argmax(1).tolist(), weight.tolist(), strict=True))
    assert weights == pytest.approx({0: 24 / 36, 1: 24 / 12})


def test_the_mean_of_the_cam_is_the_logits(images: fit.Images) -> None:
    served = backbones.build(Backbone.MOBILENET, side=40).served
    answer = served.predict_on_batch(images.pixels)
    assert answer["CAM"].shape == (24, 10, 10, 4)
    np.testing.assert_allclose(answer["CAM"].mean((1, 2)), answer["LOGITS"], atol=1e-5)


def test_a_master_is_read_in_float32_and_answers_alike(tmp_path: Path) -> None:
    net = backbones.build(Backbone.MOBILENET).served
    path = tmp_path / "mobilenet.keras"
    stored = masters.save(path, Backbone.MOBILENET, net.get_weights())
    assert {weight.dtype for weight in stored.weights} == {"float32"}
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    for name, values in net.predict_on_batch(pixels).items():
        np.testing.assert_allclose(stored.predict_on_batch(pixels)[name], values, atol=5e-3)
    kernels = [weight.numpy() for weight in stored.weights if weight.ndim >= 2]
    assert all((kernel == kernel.astype(np.float16)).all() for kernel in kernels)


def test_starting_weights_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "start.keras"
    saved = masters.save(
        path, Backbone.MOBILENET, backbones.build(Backbone.MOBILENET).served.get_weights()
    )
    net = backbones.build(Backbone.MOBILENET, side=None, weights=str(path)).trained
    for one, other in zip(saved.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(backbones.WeightsError, match="no such file"):
        backbones.build(Backbone.MOBILENET, weights=str(tmp_path / "none.keras"))


def test_imagenet_weights_that_cannot_be_fetched_are_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(**options):
        raise OSError("URL fetch failure: no route to host")

    monkeypatch.setitem(backbones.APPLICATIONS, Backbone.XCEPTION, offline)
    with pytest.raises(backbones.WeightsError, match=r"no route to host.*--weights none"):
        backbones.build(Backbone.XCEPTION, weights="imagenet")
