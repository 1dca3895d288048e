"""Builds a voter: (the beginning of) a Keras application, average pooling, one dense layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from allclient.contract import SIDE, SUBTYPES, Backbone
from training.models import applications, cells, mixstyle, start
from training.models.applications import BackboneError
from training.models.start import WeightsError

__all__ = ["BackboneError", "Models", "WeightsError", "build"]


@dataclass(frozen=True)
class Models:
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
    mix: float = 0.0,
    taps: Sequence[str] = (),
    **options: float,
) -> Models:
    """Build one voter, or any other keras.applications model for comparison.

    Args:
        backbone: a voter, or the name of a Keras application, for example "EfficientNetB0".
        side: height and width of the input; None takes any, which training uses to change the
            resolution between stages.
        weights: "none", "imagenet" (downloaded by Keras) or a file (see ``start.load``).
        dtype: Keras dtype policy of the feature extractor, for example "mixed_bfloat16".
        momentum: of every batch normalisation. The default 0.99 of Keras needs more steps than a
            training on a few thousand images has, and leaves the moving statistics stale.
        mix: share of training steps with MixStyle.
        taps: layers of the application whose maps are described by ``cells.described``; what
            lies behind the last of them is left out. "NAME.input" takes what goes into a layer,
            since Keras numbers some layers (the sums of Xception) anew in every process. Without
            taps the maps are the whole application's output.
        options: for the Keras application, for example MobileNet's ``alpha``.

    Raises:
        WeightsError: the weights asked for cannot be downloaded, found or fitted.
        BackboneError: there is no such application or layer, or not for this ``side``.
    """
    if taps and side is None:
        raise BackboneError("the maps of taps can only be described at one size of the images")
    name = str(backbone.value if isinstance(backbone, Backbone) else backbone)
    pixels = keras.Input((side, side, 3), dtype="uint8", name="PIXELS")
    scaled = applications.scaled(name, pixels)
    whole = _application(name, side, weights, dtype, options)
    features = _tapped(whole, taps) if taps else whole
    for layer in features.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
    seen = _as_floats(features(scaled))
    maps = cells.described(pixels, seen) if taps else seen[0]
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
    return Models(trained, served)


def extractor(models: Models) -> keras.Model:
    """Return the model from PIXELS uint8 [n, side, side, 3] to what the dense head sees.

    That is float32 [n, channels].
    """
    pooled = models.served.get_layer("pool").output
    return keras.Model(models.served.input, pooled, name=models.served.name)


def trunk(
    backbone: str, taps: Sequence[str], *, weights: str = "none"
) -> tuple[keras.Model, keras.Model]:
    """Build what lies before the head, for images of any size.

    Returns:
        PIXELS uint8 [n, side, side, 3] to the maps of every tap, float32 [n, h, w, channels], and
        the part of the application in it, whose weights file can be a start for ``build``.

    Raises:
        WeightsError, BackboneError: as ``build`` does; masters (``.keras``) are no trunks.
    """
    pixels = keras.Input((None, None, 3), dtype="uint8", name="PIXELS")
    whole = _application(backbone, None, weights, "float32", {})
    features = _tapped(whole, taps)
    if weights not in ("none", "imagenet"):
        start.load(Path(weights), None, features, whole)
    maps = _as_floats(features(applications.scaled(backbone, pixels)))
    return keras.Model(pixels, maps, name=backbone), features


def _as_floats(maps: Any) -> list[Any]:
    each = list(maps) if isinstance(maps, list | tuple) else [maps]
    return [
        keras.layers.Activation("linear", dtype="float32", name=f"maps_{number}")(one)
        for number, one in enumerate(each)
    ]


def _tapped(whole: keras.Model, taps: Sequence[str]) -> keras.Model:
    """Return the application up to its taps, with an output for each; both share their layers."""
    ends = []
    for tap in taps:
        name, dot, side = tap.partition(".")
        try:
            layer = whole.get_layer(name)
        except ValueError as error:
            raise BackboneError(f"{whole.name} has no layer {name!r} to be tapped") from error
        if dot and side != "input":
            raise BackboneError(f"{tap!r} is neither the name of a layer nor NAME.input")
        ends.append(layer.input if dot else layer.output)
    return keras.Model(whole.input, ends, name=whole.name)


def _mixing(trained: keras.Model, features: keras.Model, mix: float, seed: int) -> keras.Model:
    """Return ``trained`` over the same layers, with MixStyle inside the feature extractor."""
    mixed = mixstyle.inserted(features, mix, seed)
    return keras.models.clone_model(
        trained,
        clone_function=lambda layer: layer,
        call_function=lambda layer, *inputs, **options: (mixed if layer is features else layer)(
            *inputs, **options
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
    """Check that an application takes any size; some (NASNet) are built for one alone."""
    try:
        features.compute_output_shape((1, SIDE, SIDE, 3))
    except ValueError as error:
        raise BackboneError(f"{name} takes images of one size only: {error}") from error
