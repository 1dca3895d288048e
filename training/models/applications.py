"""Finds the feature extractors of keras.applications, each with the scaling that it expects."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from allclient.contract import Backbone

APPLICATIONS: dict[str, Callable[..., keras.Model]] = {
    Backbone.MOBILENET: keras.applications.MobileNet,
    Backbone.XCEPTION: keras.applications.Xception,
    Backbone.INCEPTION_V3: keras.applications.InceptionV3,
}
"""The three voters. Any other application is found by its name in Keras."""

_OWN_SCALING = ("EfficientNet", "ConvNeXt", "MobileNetV3")
"""These scale pixels of 0 to 255 themselves, in layers of their own."""
_CHANNEL_STATISTICS = ("DenseNet",)
_CAFFE = ("ResNet50", "ResNet101", "ResNet152", "VGG")
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


class BackboneError(ValueError):
    """There is no such architecture."""


def find(name: str) -> Callable[..., keras.Model]:
    """Return the function that makes the application ``name``: a voter, or as Keras spells it.

    Raises:
        BackboneError: there is none of that name; the message lists those there are.
    """
    if name in APPLICATIONS:
        return APPLICATIONS[Backbone(name)]
    others = {
        each: make
        for each, make in vars(keras.applications).items()
        if callable(make) and "include_top" in inspect.signature(make).parameters
    }
    if name not in others:
        voters = ", ".join(each.value for each in Backbone)
        raise BackboneError(
            f"there is no backbone {name!r}; the voters are {voters}, and keras.applications has "
            + ", ".join(sorted(others))
        )
    application: Callable[..., keras.Model] = others[name]
    return application


def scaled(name: str, pixels: Any) -> Any:
    """Return the pixels uint8 as the application wants them, float32.

    Source: ``keras.applications.<family>.preprocess_input``: to -1..1 ("tf": the voters and most
    others), by channel mean and deviation ("torch"), BGR less the channel mean ("caffe"), or as
    they are for those that scale inside.
    """
    scaling = keras.layers.Rescaling
    if name.startswith(_OWN_SCALING):
        return scaling(1.0, dtype="float32", name="scale")(pixels)
    if name.startswith(_CHANNEL_STATISTICS):
        scale = [1 / (255 * deviation) for deviation in _DEVIATION]
        offset = [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
        return scaling(scale, offset, dtype="float32", name="scale")(pixels)
    if name.startswith(_CAFFE) and not name.endswith("V2"):
        offset = [-mean for mean in _CAFFE_MEAN_BGR]
        reverse = keras.ops.flip(pixels, axis=-1)
        return scaling([1.0, 1.0, 1.0], offset, dtype="float32", name="scale")(reverse)
    return scaling(1 / 127.5, offset=-1.0, dtype="float32", name="scale")(pixels)
