"""Mixes early feature statistics of one field with another's, in training (MixStyle).

Zhou et al., "Domain Generalization with MixStyle", ICLR 2021, arXiv 2104.02008. Mean and deviation
of early maps carry the style (here stain and lamp). The layer has no weights and stands in the
trained graph alone; the served graph is the application as it is.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

ALPHA = 0.1
"""Parameter of the share's Beta distribution, the paper's. Most shares are near 0 or 1."""

_SIDE = 224
_PLACES = (40, 20)
"""A mixing stands behind the last whole state of at least this many positions a side: with 224
pixels those are the ends of strides 4 and 8, the paper's first two residual blocks."""


class MixStyle(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Mixes channel statistics within the batch, in ``share`` of the training steps."""

    def __init__(self, share: float, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.share = share
        self.seeds = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, maps: Any, training: bool = False) -> Any:
        """Return the maps [n, h, w, c], mixed where ``training``."""
        if not training or not self.share:
            return maps
        full = ops.cast(maps, "float32")
        mean = ops.stop_gradient(ops.mean(full, axis=(1, 2), keepdims=True))
        spread = ops.sqrt(ops.var(full, axis=(1, 2), keepdims=True) + 1e-6)
        spread = ops.stop_gradient(spread)
        count = ops.shape(maps)[0]
        partner = ops.argsort(keras.random.uniform((count,), seed=self.seeds))
        own = keras.random.beta((count, 1, 1, 1), ALPHA, ALPHA, seed=self.seeds, dtype="float32")
        mixed = keras.random.uniform((1, 1, 1, 1), seed=self.seeds) < self.share
        own = ops.where(mixed, own, ops.ones_like(own))
        new_mean = own * mean + (1 - own) * ops.take(mean, partner, axis=0)
        new_spread = own * spread + (1 - own) * ops.take(spread, partner, axis=0)
        return ops.cast((full - mean) / spread * new_spread + new_mean, maps.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape: nothing else changes."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {**super().get_config(), "share": self.share, "seed": self.seeds.seed}


def inserted(features: keras.Model, share: float, seed: int) -> keras.Model:
    """Return the feature extractor with MixStyle behind its early stages, over the same weights."""
    names = places(features)
    mixers = {
        name: MixStyle(share, seed + number, name=f"mixstyle_{number}", dtype=features.dtype_policy)
        for number, name in enumerate(names, 1)
    }

    def call(layer: keras.layers.Layer, *inputs: Any, **options: Any) -> Any:
        answer = layer(*inputs, **options)
        return mixers[layer.name](answer) if layer.name in mixers else answer

    return keras.models.clone_model(features, clone_function=lambda each: each, call_function=call)


def places(features: keras.Model) -> list[str]:
    """Return the names of the layers behind which the whole state of the backbone is one early map.

    Raises:
        ValueError: the backbone has no such place.
    """
    whole = _whole_states(features)
    outputs = [features.get_layer(name).output for name in whole]
    shapes = keras.Model(features.inputs, outputs).compute_output_shape((None, _SIDE, _SIDE, 3))
    names: list[str] = []
    for least in _PLACES:
        large = [n for n, shape in zip(whole, shapes, strict=True) if (shape[1] or 0) >= least]
        if not large or large[-1] in names:
            raise ValueError(f"{features.name} has no early maps that MixStyle could mix")
        names.append(large[-1])
    return names


def _whole_states(features: keras.Model) -> list[str]:
    """Yield layers, in order, whose output is all that later steps take from earlier ones.

    Padding is left out: mixing behind it would write on the border that it adds.
    """
    order = {step.name: place for place, step in enumerate(features.operations)}
    last_use = dict.fromkeys(order, -1)
    for step in features.operations:
        if not isinstance(step, keras.layers.InputLayer):
            for tensor in keras.tree.flatten(step.input):
                source = tensor._keras_history.operation.name
                last_use[source] = max(last_use[source], order[step.name])
    no_place = (keras.layers.InputLayer, keras.layers.ZeroPadding2D)
    states, reach = [], 0
    for step in features.operations:
        is_layer = isinstance(step, keras.layers.Layer) and not isinstance(step, no_place)
        if is_layer and reach <= order[step.name] and len(step.output.shape) == 4:
            states.append(step.name)
        reach = max(reach, last_use[step.name])
    return states
