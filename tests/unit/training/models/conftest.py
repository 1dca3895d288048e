from __future__ import annotations

import pytest

keras = pytest.importorskip("keras")

from allclient.contract import Backbone
from training.models import applications


def tiny(include_top, weights, input_shape, name, channels=4):
    """Stands in for a Keras application: two stages, the second one with a branch."""
    layers = keras.layers
    given = keras.Input(input_shape)
    maps = layers.Conv2D(channels, 3, 4, padding="same", use_bias=False, name="one")(given)
    maps = layers.ReLU(name="early")(layers.BatchNormalization(name="norm")(maps))
    maps = layers.Conv2D(channels, 3, 2, padding="same", name="two")(maps)
    branch = layers.Conv2D(channels, 3, padding="same", name="branch")(maps)
    maps = layers.Add(name="later")([branch, maps])
    return keras.Model(given, layers.Conv2D(32, 3, 4, padding="same")(maps), name=name)


@pytest.fixture(autouse=True)
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(applications.APPLICATIONS, Backbone.MOBILENET, tiny)
