from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from allclient.contract import SUBTYPES, Backbone
from training.data.samples import Sample
from training.fit.batches import Images
from training.fit.whole import epochs
from training.fit.whole.recipe import WholeRecipe
from training.models import applications


def tiny(include_top, weights, input_shape, name, channels=4):
    """Stands in for a Keras application: convolutions and batch statistics, nothing else."""
    given = keras.Input(input_shape)
    maps = keras.layers.Conv2D(channels, 3, 4, padding="same", use_bias=False)(given)
    maps = keras.layers.ReLU()(keras.layers.BatchNormalization()(maps))
    maps = keras.layers.Conv2D(8, 3, 2, padding="same")(maps)
    return keras.Model(
        given, keras.layers.Conv2D(8, 3, 2, padding="same", name="last")(maps), name=name
    )


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(applications.APPLICATIONS, Backbone.MOBILENET, tiny)


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Without graphs, which take longer to trace than the few steps of a test."""
    if keras.config.backend() != "tensorflow":
        yield
        return
    import tensorflow

    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def images() -> Images:
    """Noise of four brightnesses, one per class: something that can be learned."""
    targets = np.arange(16) % 4
    noise = np.random.default_rng(0).integers(0, 60, (16, 224, 224, 3))
    pixels = (noise + 60 * targets[:, None, None, None]).astype(np.uint8)
    samples = [
        Sample(Path(f"{i}.png"), SUBTYPES[target], slide=f"{target}-S{i // 8}")
        for i, target in enumerate(targets)
    ]
    return Images(pixels, samples)


@pytest.fixture
def train(images: Images, eagerly: None) -> Callable[..., Any]:
    """Trains the tiny network into a folder; returns best weights and history."""

    def run(out: Path, recipe: WholeRecipe, **options: Any):
        out.mkdir(exist_ok=True)
        options = {"seed": 3, "report": lambda row: None, **options}
        return epochs.fit(Backbone.MOBILENET, recipe, images, images, out, **options)

    return run
