"""The three voters: an ImageNet architecture, global average pooling and one dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras

from allclient.contract import SIDE, SUBTYPES, Backbone

APPLICATIONS = {
    Backbone.MOBILENET: keras.applications.MobileNet,
    Backbone.XCEPTION: keras.applications.Xception,
    Backbone.INCEPTION_V3: keras.applications.InceptionV3,
}


class WeightsError(ValueError):
    """The starting weights cannot be had."""


@dataclass(frozen=True)
class Nets:
    """Two models over the same layers and weights."""

    trained: keras.Model
    """PIXELS uint8 [n, side, side, 3] to logits float32 [n, 4]."""
    served: keras.Model
    """PIXELS to {"LOGITS": float32 [n, 4], "CAM": float32 [n, h, w, 4]}; mean of CAM is LOGITS."""


def build(
    backbone: Backbone,
    *,
    side: int | None = SIDE,
    weights: str = "none",
    dropout: float = 0.2,
    seed: int = 0,
    dtype: str = "float32",
    momentum: float = 0.95,
    **options: float,
) -> Nets:
    """Build one voter.

    Args:
        side: height and width of the input; None takes any, which training uses to change the
            resolution between stages.
        weights: "none", "imagenet" (downloaded by Keras) or the path of a saved .keras file.
        dtype: Keras dtype policy of the feature extractor, for example "mixed_bfloat16".
        momentum: of every batch normalisation. The default 0.99 of Keras needs more steps than a
            training on a few thousand images has, and leaves the moving statistics stale.
        options: for the Keras application, for example MobileNet's ``alpha``.

    Raises:
        WeightsError: the weights asked for cannot be downloaded, found or fitted.
    """
    pixels = keras.Input((side, side, 3), dtype="uint8", name="PIXELS")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scale")(pixels)
    features = _application(backbone, side, weights, dtype, options)
    for layer in features.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
    maps = keras.layers.Activation("linear", dtype="float32", name="maps")(features(scaled))
    head = keras.layers.Dense(len(SUBTYPES), dtype="float32", name="head")
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")(maps)
    logits = head(keras.layers.Dropout(dropout, seed=seed, name="dropout")(pooled))
    nets = Nets(
        trained=keras.Model(pixels, logits, name=backbone.value),
        served=keras.Model(pixels, {"LOGITS": logits, "CAM": head(maps)}, name=backbone.value),
    )
    if weights not in ("none", "imagenet"):
        _restore(nets, Path(weights))
    return nets


def _application(
    backbone: Backbone, side: int | None, weights: str, dtype: str, options: dict[str, float]
) -> keras.Model:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        return APPLICATIONS[backbone](
            include_top=False,
            weights="imagenet" if weights == "imagenet" else None,
            input_shape=(side, side, 3),
            name=f"{backbone.value}_features",
            **options,
        )
    except Exception as error:
        # Keras raises a bare Exception for a failed download, with the address in its message.
        if weights != "imagenet":
            raise
        raise WeightsError(
            f"the ImageNet weights of {backbone.value} cannot be fetched ({error}); without "
            "network access use --weights none, or --weights PATH with a .keras file"
        ) from error
    finally:
        keras.config.set_dtype_policy(before)


def _restore(nets: Nets, path: Path) -> None:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; --weights takes none, imagenet or a .keras file")
    saved = keras.saving.load_model(path, compile=False)
    try:
        nets.served.set_weights(saved.get_weights())
    except ValueError as error:
        raise WeightsError(f"{path} holds another architecture: {error}") from error
