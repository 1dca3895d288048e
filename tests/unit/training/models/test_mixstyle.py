"""MixStyle changes what training sees and nothing of what is served."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from allclient.contract import Backbone
from training.models import backbones, mixstyle


@pytest.fixture
def maps() -> np.ndarray:
    """Two fields of clearly different mean and contrast."""
    noise = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
    return (
        noise * np.array([1, 5], np.float32)[:, None, None, None]
        + np.array([0, 30], np.float32)[:, None, None, None]
    )


def test_statistics_move_between_the_fields_and_shapes_stay(maps: np.ndarray) -> None:
    layer = mixstyle.MixStyle(share=1.0, seed=1)
    moved = False
    for _ in range(20):
        mixed = keras.ops.convert_to_numpy(layer(maps, training=True))
        means = mixed.mean((1, 2))
        assert (means > -1).all()
        assert (means < 31).all()
        moved |= bool((np.abs(means - maps.mean((1, 2))) > 1).any())
        for one, other in zip(mixed, maps, strict=True):
            standard = [(each - each.mean((0, 1))) / each.std((0, 1)) for each in (one, other)]
            np.testing.assert_allclose(*standard, atol=1e-3)
    assert moved


def test_nothing_is_mixed_outside_of_training_or_without_a_share(maps: np.ndarray) -> None:
    for layer, training in ((mixstyle.MixStyle(1.0, 0), False), (mixstyle.MixStyle(0.0, 0), True)):
        answer = keras.ops.convert_to_numpy(layer(maps, training=training))
        np.testing.assert_array_equal(answer, maps)


def test_it_stands_in_the_trained_graph_alone_and_over_the_same_weights() -> None:
    nets = backbones.build(Backbone.MOBILENET, mix=0.5)
    inner = nets.trained.get_layer("mobilenet_features")
    assert [layer.name for layer in inner.layers if "mixstyle" in layer.name] == [
        "mixstyle_1",
        "mixstyle_2",
    ]
    served = nets.served.get_layer("mobilenet_features")
    assert not any("mixstyle" in layer.name for layer in served.layers)
    assert {id(w) for w in nets.trained.weights} == {id(w) for w in nets.served.weights}
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        nets.trained.predict_on_batch(pixels),
        nets.served.predict_on_batch(pixels)["LOGITS"],
        atol=1e-5,
    )


def test_places_are_whole_states_never_inside_a_branch_or_behind_padding() -> None:
    features = backbones.build(Backbone.MOBILENET).served.get_layer("mobilenet_features")
    assert mixstyle.places(features) == ["early", "later"]
    keras_own = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(None, None, 3), alpha=0.25
    )
    assert mixstyle.places(keras_own) == ["conv_pw_3_relu", "conv_pw_5_relu"]
