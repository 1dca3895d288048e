"""Heads that are fitted alone, on features that are kept on disk."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from allclient.contract import SUBTYPES, Backbone
from toolkit import served
from training.data.protocols import folds
from training.data.sample import DatasetError, Sample
from training.fit import checkpoint, recipes
from training.fit.release import discriminant
from training.fit.release.features import Features, FeaturesError
from training.fit.release.recipe import RECIPES, HeadRecipe
from training.fit.whole.recipe import WholeRecipe
from training.models import backbones

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def source(tmp_path: Path) -> Features:
    keras.utils.set_random_seed(1)
    nets = backbones.build(Backbone.MOBILENET, seed=1)
    own = HeadRecipe(views=2)
    return Features(backbones.extractor(nets), own, seed=3, folder=tmp_path / "features")


@pytest.fixture
def samples(split: Path) -> list[Sample]:
    return folds(split, "known")[0].parts["train"]


def test_features_are_those_of_the_field_as_served_and_of_views_of_it(
    source: Features, samples: list[Sample]
) -> None:
    found = source.of(samples)
    assert found.shape == (8, 3, 8)
    seen = np.stack([served.pixels.decode(s.path.read_bytes()).pixels for s in samples])
    plain = source.extractor.predict_on_batch(seen)
    np.testing.assert_allclose(found[:, 0], plain, rtol=1e-3, atol=1e-4)
    assert not np.allclose(found[:, 1], found[:, 2], rtol=1e-3)


def test_features_hang_on_the_file_alone_and_are_computed_once(
    source: Features, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = source.of(samples[3:5])
    drawn: list[int] = []
    original = Features._drawn

    def counted(self: Features, part: list) -> np.ndarray:
        drawn.append(len(part))
        return original(self, part)

    monkeypatch.setattr(Features, "_drawn", counted)
    everything = source.of(samples)
    assert sum(drawn) == 6 + 1  # what is new, and one to hold the kept ones against
    np.testing.assert_allclose(everything[3:5], some, rtol=1e-4, atol=1e-5)
    other = dataclasses.replace(source, seed=4)
    assert other.path != source.path


def test_kept_features_of_another_preprocessing_are_refused(
    source: Features, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    source.of(samples)
    pixels = served.pixels
    render = pixels.render
    monkeypatch.setattr(pixels, "render", lambda field: 255 - render(field))
    with pytest.raises(FeaturesError, match="delete it to compute the features anew"):
        source.of(samples)


def test_an_unreadable_field_is_named(source: Features, samples: list[Sample]) -> None:
    samples[2].path.write_bytes(b"no image")
    with pytest.raises(DatasetError, match=samples[2].path.name):
        source.of(samples)


def made_up(counts: dict[str, int]) -> list[Sample]:
    """Samples of slides whose class is the digit that they begin with."""
    return [
        Sample(Path("x"), SUBTYPES[int(slide[0])], slide=slide)
        for slide, count in counts.items()
        for _ in range(count)
    ]


def test_the_head_separates_what_is_linear() -> None:
    samples = made_up({"0a": 60, "1a": 60, "2a": 60, "3a": 60})
    targets = np.array([sample.target for sample in samples])
    rng = np.random.default_rng(0)
    features = rng.normal(size=(len(samples), 3, 6)).astype(np.float32) * 5 + 100
    features[:, :, :4] += 40 * np.eye(4, dtype=np.float32)[targets][:, None]
    kernel, bias = discriminant.fit(features, samples, 1 / 300)
    assert kernel.shape == (6, 4)
    assert kernel.dtype == bias.dtype == np.float32
    assert ((features[:, 0] @ kernel + bias).argmax(1) == targets).all()


def test_classes_weigh_the_same_and_so_do_slides_but_for_tiny_ones() -> None:
    samples = made_up({"0a": 400, "0b": 100, "0c": 10, "1a": 50})
    slides = np.array([sample.slide for sample in samples])
    weights = discriminant.weights(samples)
    total = {slide: weights[slides == slide].sum() for slide in set(slides)}
    assert total["0a"] == pytest.approx(total["0b"])
    assert total["0c"] == pytest.approx(total["0a"] * 10 / discriminant.MIN_SLIDE_IMAGES)
    assert total["1a"] == pytest.approx(total["0a"] + total["0b"] + total["0c"])
    assert weights.mean() == pytest.approx(1)


def test_a_class_that_is_missing_is_named() -> None:
    samples = made_up({"0a": 5, "1a": 5, "3a": 5})
    with pytest.raises(DatasetError, match="no training image is of the class pre_b"):
        discriminant.fit(np.zeros((15, 1, 2), np.float32), samples, 1 / 300)


def test_settings_that_would_not_be_followed_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ema, dropout: only for a backbone.*--learn all"):
        recipes.changed(recipes.recipe("mobilenet"), ema=0.9, dropout=0.1)
    with pytest.raises(ValueError, match=r"views: only for a head.*--learn head"):
        recipes.changed(recipes.recipe("mobilenet", "all"), views=3)
    changed = recipes.changed(recipes.recipe("mobilenet"), ridge=1 / 3)
    assert changed == dataclasses.replace(RECIPES["mobilenet"], ridge=1 / 3)
    assert recipes.recipe("VGG16") == WholeRecipe()
    assert recipes.recipe("VGG16", "head") == HeadRecipe()


@pytest.mark.parametrize("name", ["mobilenet", "xception", "inception_v3"])
def test_the_records_of_the_released_masters_are_still_those_of_todays_recipes(name: str) -> None:
    """They were written when one recipe held the settings of both ways to train."""
    stored = json.loads((ROOT / "training" / "masters" / f"{name}.json").read_text())["recipe"]
    today = dataclasses.asdict(RECIPES[name])
    assert checkpoint.differences({"recipe": stored}, {"recipe": today}) == []
    other = {**today, "ridge": 1 / 7}
    assert checkpoint.differences({"recipe": stored}, {"recipe": other}) == ["ridge"]
