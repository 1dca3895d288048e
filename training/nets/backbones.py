"""A voter: a Keras application, optional channel attention, average pooling, one dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from allclient.contract import SIDE, SUBTYPES, Backbone
from training.nets import applications, attention, mixstyle, start
from training.nets.applications import BackboneError
from training.nets.start import WeightsError

__all__ = ["BackboneError", "Nets", "WeightsError", "build"]


@dataclass(frozen=True)
class Nets:
    """Two models over the same layers and weights."""

    trained: keras.Model
    """PIXELS uint8 [n, side, side, 3] to logits float32 [n, 4]; what only training does is in
    here. Its weights may be ordered unlike those of ``served``: weights are read and set there."""
    served: keras.Model
    """PIXELS to {"LOGITS": float32 [n, 4], "CAM": float32 [n, h, w, 4]}; mean of CAM is LOGITS."""


def build(
    backbone: Backbone | str,
    *,
    side: int | None = SIDE,
    weights: str = "none",
    dropout: float = 0.2,
    seed: int = 0,
    dtype: str = "float32",
    momentum: float = 0.95,
    attend: str = "none",
    mix: float = 0.0,
    cut: str = "",
    **options: float,
) -> Nets:
    """Build one voter, or any other keras.applications model for comparison.

    Args:
        backbone: a voter, or the name of a Keras application, for example "EfficientNetB0".
        side: height and width of the input; None takes any, which training uses to change the
            resolution between stages.
        weights: "none", "imagenet" (downloaded by Keras) or a file (see ``start.load``).
        dtype: Keras dtype policy of the feature extractor, for example "mixed_bfloat16".
        momentum: of every batch normalisation. The default 0.99 of Keras needs more steps than a
            training on a few thousand images has, and leaves the moving statistics stale.
        attend: channel attention between feature extractor and pooling: "none", "eca" or "se".
        mix: share of training steps with MixStyle.
        cut: name of the layer where the application ends; empty takes all of it.
        options: for the Keras application, for example MobileNet's ``alpha``.

    Raises:
        WeightsError: the weights asked for cannot be downloaded, found or fitted.
        BackboneError: there is no such application, or not for this ``side``.
    """
    name = str(backbone.value if isinstance(backbone, Backbone) else backbone)
    pixels = keras.Input((side, side, 3), dtype="uint8", name="PIXELS")
    scaled = applications.scaled(name, pixels)
    whole = _application(name, side, weights, dtype, options)
    features = _shortened(whole, cut) if cut else whole
    for layer in features.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
    as_floats = keras.layers.Activation("linear", dtype="float32", name="maps")
    maps = attention.apply(attend, as_floats(features(scaled)))
    pool = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")
    drop = keras.layers.Dropout(dropout, seed=seed, name="dropout")
    head = keras.layers.Dense(len(SUBTYPES), dtype="float32", name="head")
    logits = head(drop(pool(maps)))
    served = keras.Model(pixels, {"LOGITS": logits, "CAM": head(maps)}, name=name)
    trained = keras.Model(pixels, logits, name=name)
    if mix:
        trained = _mixing(trained, features, mix, seed)
    if weights not in ("none", "imagenet"):
        start.load(Path(weights), served, features, whole)
    return Nets(trained, served)


def extractor(nets: Nets) -> keras.Model:
    """PIXELS uint8 [n, side, side, 3] to what the dense head sees, float32 [n, channels]."""
    pooled = nets.served.get_layer("pool").output
    return keras.Model(nets.served.input, pooled, name=nets.served.name)


def _shortened(whole: keras.Model, cut: str) -> keras.Model:
    """The application up to the output of the layer ``cut``; both share their layers."""
    try:
        end = whole.get_layer(cut)
    except ValueError as error:
        raise BackboneError(f"{whole.name} has no layer {cut!r} to be cut at") from error
    return keras.Model(whole.input, end.output, name=whole.name)


def _mixing(trained: keras.Model, features: keras.Model, mix: float, seed: int) -> keras.Model:
    """``trained`` over the same layers, with MixStyle inside the feature extractor."""
    mixed = mixstyle.inserted(features, mix, seed)
    return keras.models.clone_model(
        trained,
        clone_function=lambda layer: layer,
        call_function=lambda layer, *given, **options: (mixed if layer is features else layer)(
            *given, **options
        ),
    )


def _application(
    name: str, side: int | None, weights: str, dtype: str, options: dict[str, Any]
) -> keras.Model:
    make = applications.find(name)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        features = make(
            include_top=False,
            weights="imagenet" if weights == "imagenet" else None,
            input_shape=(side, side, 3),
            name=f"{name}_features",
            **options,
        )
    except Exception as error:
        # Keras raises a bare Exception for a failed download, with the address in its message.
        if weights != "imagenet":
            raise
        raise WeightsError(
            f"the ImageNet weights of {name} cannot be fetched ({error}); without network access "
            "use --weights none, or --weights PATH with a .keras or a .weights.h5 file"
        ) from error
    finally:
        keras.config.set_dtype_policy(before)
    if side is None and name not in applications.APPLICATIONS:
        _check_any_size(name, features)
    return features


def _check_any_size(name: str, features: keras.Model) -> None:
    """Some applications (NASNet) are built for one size and fail with any other one."""
    try:
        features.compute_output_shape((1, SIDE, SIDE, 3))
    except ValueError as error:
        raise BackboneError(f"{name} takes images of one size only: {error}") from error
